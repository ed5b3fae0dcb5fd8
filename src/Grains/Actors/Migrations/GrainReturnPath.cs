using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>The destination's way back to the source's user space, by grain calls.</summary>
internal sealed class GrainReturnPath(IVmGrain source) : IMigrationReturnPath
{
    public ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva) =>
        Unanswered.OrAsync(StreamStatus.Lost, () => source.RequestPageAsync(OperationMessage.From(op), hva.Value));
}
