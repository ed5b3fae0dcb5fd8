using Livebed.Grains.Contracts;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>An operation with its target drawn: what it is and how to run it. <paramref name="Done"/> gives back what it took, however it ended.</summary>
internal sealed record PreparedOperation(OperationKind Kind, Func<OperationMessage, Task<OperationResult>> RunAsync, Action? Done = null);
