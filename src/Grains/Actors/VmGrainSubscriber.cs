using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>A host's way to a VM's notifier, by grain calls. What the VM took for the operation, such as the seed's semaphore, comes back
/// with the answer, so that the host's own locks are ordered against it.</summary>
internal sealed class VmGrainSubscriber(IVmGrain vm, string name, bool hasChangePte) : IMmuNotifierSubscriber
{
    public string Name => name;
    public bool HasChangePte => hasChangePte;

    public async ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range) =>
        (await vm.InvalidateRangeStartAsync(OperationMessage.From(op), RangeMessage.From(range))).ApplyTo(op);

    public async ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range) =>
        (await vm.InvalidateRangeEndAsync(OperationMessage.From(op), RangeMessage.From(range))).ApplyTo(op);

    public ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn) => vm.ChangePteAsync(OperationMessage.From(op), hva, pfn);

    public ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush) =>
        vm.ClearYoungAsync(OperationMessage.From(op), range, flush);

    public ValueTask<bool> TestYoungAsync(Operation op, HvaRange range) =>
        vm.TestYoungAsync(OperationMessage.From(op), range);

    public ValueTask ReleaseAsync(Operation op) => vm.ReleaseAsync(OperationMessage.From(op));
}
