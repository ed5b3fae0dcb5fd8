using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Migration;

/// <summary>A destination's VM of which only matters whether it runs, or was dropped.</summary>
internal sealed class RecordedProcess : IIncomingVm
{
    public bool Runs { get; private set; }
    public bool IsDropped { get; private set; }

    public bool IsWanted { get; set; } = true;

    public ValueTask<StreamStatus> TryCreateProcessAsync(Operation op) => ValueTask.FromResult(StreamStatus.Ok);

    public ValueTask LoadAsync(Operation op, DeviceState state) => ValueTask.CompletedTask;

    public ValueTask RunAsync(Operation op, long epoch)
    {
        Runs = true;
        return ValueTask.CompletedTask;
    }

    public ValueTask DropAsync(Operation op)
    {
        IsDropped = true;
        return ValueTask.CompletedTask;
    }
}
