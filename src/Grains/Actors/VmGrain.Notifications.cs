using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Vms;

namespace Livebed.Grains.Actors;

/// <summary>
/// What the host tells the VM: the MMU notifier calls, as they come from <see cref="VmGrainSubscriber"/>, forwarded to the model's
/// notifier. What an operation holds when a call returns goes back with the answer, since a lock that is taken at the start of a range is
/// given up at its end, in another call.
/// </summary>
internal sealed partial class VmGrain
{
    public async ValueTask<HeldMessage> InvalidateRangeStartAsync(OperationMessage op, RangeMessage range)
    {
        var operation = op.ToOperation();
        var vm = Notified();
        var observer = _actor!.Journal.Observer;
        using var scope = observer.Enter(operation);
        var entry = observer.RangeStarts(operation, range.RangeId, range.Pages);
        var started = await _actor.Journal.DuringAsync(vm.Notifier.InvalidateRangeStartAsync(operation, range.ToRange()));
        if (entry is not null) entry.InProgress = vm.Protocol.InvalidationsInProgress;
        return HeldMessage.From(operation, started);
    }

    public async ValueTask<HeldMessage> InvalidateRangeEndAsync(OperationMessage op, RangeMessage range)
    {
        var operation = op.ToOperation();
        var vm = Notified();
        var observer = _actor!.Journal.Observer;
        using var scope = observer.Enter(operation);
        var sequence = vm.Protocol.Sequence;
        var entry = observer.RangeEnds(range.RangeId);
        await _actor.Journal.DuringAsync(vm.Notifier.InvalidateRangeEndAsync(operation, range.ToRange()));
        if (entry is not null) observer.RangeEnded(entry, sequence, vm.Protocol.Sequence);
        return HeldMessage.From(operation, done: true);
    }

    public ValueTask ChangePteAsync(OperationMessage op, Hva hva, Pfn pfn) =>
        DuringAsync(Notified().Notifier.ChangePteAsync(op.ToOperation(), hva, pfn));

    public ValueTask<bool> ClearYoungAsync(OperationMessage op, HvaRange range, bool flush) =>
        DuringAsync(Notified().Notifier.ClearYoungAsync(op.ToOperation(), range, flush));

    public ValueTask<bool> TestYoungAsync(OperationMessage op, HvaRange range) =>
        DuringAsync(Notified().Notifier.TestYoungAsync(op.ToOperation(), range));

    public ValueTask ReleaseAsync(OperationMessage op) => DuringAsync(Notified().Notifier.ReleaseAsync(op.ToOperation()));

    private ValueTask DuringAsync(ValueTask call) => _actor!.Journal.DuringAsync(call);

    private ValueTask<bool> DuringAsync(ValueTask<bool> call) => _actor!.Journal.DuringAsync(call);

    /// <summary>The host notifies no subscriber that has unregistered. A notification here would be a use after free and not just a late
    /// call.</summary>
    private Vm Notified() =>
        TheVm ?? throw WithoutVm(new InvalidOperationException($"{this.GetPrimaryKeyString()} was notified and is not there"));
}
