using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host.Streams;

/// <summary>The fault thread of the tests: notes what was asked for, and does what it is told about it.</summary>
internal sealed class FaultRequests(Func<Hva, ValueTask>? onMissing = null) : IUserFaultHandler
{
    public List<Hva> Asked { get; } = [];

    public ValueTask PageMissingAsync(Operation op, Hva hva)
    {
        Asked.Add(hva);
        return onMissing?.Invoke(hva) ?? ValueTask.CompletedTask;
    }
}
