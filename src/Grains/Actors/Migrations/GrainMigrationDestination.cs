using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>The source's way to the destination's user space, by grain calls.</summary>
/// <param name="destination">the VM's grain there</param>
/// <param name="target">the VM as it will be there</param>
/// <param name="sourceKey">the VM's grain here, for the way back</param>
/// <param name="onItsWay">what becomes of an answer to the hand-over on its way back</param>
internal sealed class GrainMigrationDestination(
    IVmGrain destination, VmMessage target, string sourceKey,
    Func<StreamStatus, ValueTask<StreamStatus>> onItsWay) : IMigrationDestination
{
    public ValueTask<StreamStatus> PrepareAsync(Operation op, MigrationSetup setup) => GrainCall.OrLostAsync(StreamStatus.Lost, async () =>
    {
        StreamStatus? status = null;
        await ActorStart.TryAsync(async () =>
        {
            status = await destination.PrepareIncomingAsync(OperationMessage.From(op), setup, target, sourceKey);
            return status is not null;
        });
        return status ?? StreamStatus.Refused;
    });

    public ValueTask<StreamStatus> CompareAsync(Operation op, MemoryImage image) =>
        GrainCall.OrLostAsync(
            StreamStatus.Lost, () => destination.CompareIncomingAsync(OperationMessage.From(op), MemoryImageMessage.From(image)));

    public async ValueTask<StreamStatus> TakeOverAsync(Operation op, DeviceState state)
    {
        var answer = await GrainCall.OrLostAsync(
            StreamStatus.Lost, () => destination.TakeOverAsync(OperationMessage.From(op), DeviceStateMessage.From(state)));
        return await onItsWay(answer);
    }

    public ValueTask<FinishResult> FinishAsync(Operation op) =>
        GrainCall.OrLostAsync(FinishResult.Lost, () => destination.FinishIncomingAsync(OperationMessage.From(op)));

    public ValueTask<IReadOnlyList<PageSet>?> RecoverAsync(Operation op) => GrainCall.OrLostAsync<IReadOnlyList<PageSet>?>(
        null, async () => await destination.RecoverIncomingAsync(OperationMessage.From(op)));

    public ValueTask<StreamStatus> ResumeAsync(Operation op) =>
        GrainCall.OrLostAsync(StreamStatus.Lost, () => destination.ResumeIncomingAsync(OperationMessage.From(op)));

    public ValueTask<StreamStatus> AbandonAsync(Operation op) =>
        GrainCall.OrLostAsync(StreamStatus.Lost, () => destination.AbandonIncomingAsync(OperationMessage.From(op)));
}

/// <summary>The destination's way back to the source's user space, by grain calls.</summary>
internal sealed class GrainSourcePort(IVmGrain source) : ISourcePort
{
    public ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva) =>
        GrainCall.OrLostAsync(StreamStatus.Lost, () => source.RequestPageAsync(OperationMessage.From(op), hva));

    /// <summary>State lives in one activation. Orleans declares a dead silo dead, and then another activation answers no.</summary>
    public ValueTask<bool> MigratesAsync(Operation op, long stream) => GrainCall.OrLostAsync(true, () => source.MigratesAsync(stream));
}
