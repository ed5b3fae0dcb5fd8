using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>
/// The invalidation ranges of one VM as they are, whatever the protocol counts: which are open and which have ended. The checks against
/// them: S2, no install under an invalidation; S3, starts and ends balance; S4, start and end see the same memslots; and of L1, that a
/// retry is owed to a range. It uses none of the protocol's state to judge the protocol.
/// </summary>
public sealed class RangeChecks
{
    private readonly Vm _vm;
    // Few at a time, so that a search from the first is as good as a map.
    private readonly TrackedList<OpenRange> _open;
    private readonly EndedRanges _ended;
    private Tracked<bool> _unregistered;

    internal RangeChecks(Vm vm)
    {
        _vm = vm;
        var place = new Place(vm.World);
        _open = new TrackedList<OpenRange>(place);
        _ended = new EndedRanges(place);
        _unregistered = new Tracked<bool>(place);
    }

    /// <summary>Ranges between the call of their start and the return of their end.</summary>
    public int OpenRanges => _open.Count;

    /// <summary>A mark for <see cref="Installing"/>: the ends that came before the host lookup of a fault.</summary>
    public long LookupMark => _ended.Count;

    public void StartBegan(Operation op, MmuNotifierRange range)
    {
        if (_unregistered.Value)
            _vm.Violated(
                Invariants.Teardown, $"range_start of {range.Pages} is called after unregister", hva: range.Pages.Start,
                operations: op.Id);
        if (_open.Count > 0) _vm.World.Reached(ReachedCase.RangesOverlap);
        var open = new OpenRange(range.RangeId, range.Pages, op.Id);
        if (TryFind(range, out var index)) _open[index] = open;
        else _open.Add(open);
    }

    /// <summary>Called by the walk, in the step in which it reads the memslot set.</summary>
    public void WalkBegan(MmuNotifierRange range, bool isEnd)
    {
        if (!TryFind(range, out var index)) return;
        var open = _open[index];
        if (!isEnd)
        {
            _open[index] = open with { SwapsAtStart = _vm.Memslots.Swaps };
        }
        else if (_vm.Protocol.NeedsSameSlots(range))
        {
            _vm.Counters.ChecksEvaluated++;
            if (open.SwapsAtStart != _vm.Memslots.Swaps)
                _vm.Violated(
                    Invariants.SameSlots,
                    $"range_end of {range.Pages} walks memslot set {_vm.Memslots.Swaps}, its range_start walked set {open.SwapsAtStart}",
                    hva: range.Pages.Start, operations: open.Operation);
        }
    }

    /// <summary>The walk of range_start zaps these pages next, with the range counted and in the hull: from here on none of them may be
    /// mapped, also while the zap has yielded mmu_lock.</summary>
    public void ZapBegan(MmuNotifierRange range, GfnRange gfns)
    {
        if (TryFind(range, out var index)) _open[index] = _open[index] with { Zapping = _open[index].Zapping.Add(gfns) };
    }

    /// <summary>range_start is about to return: nothing of the range may be mapped or cached any more.</summary>
    public void StartDone(Operation op, MmuNotifierRange range)
    {
        if (!TryFind(range, out var index)) return;
        _open[index] = _open[index] with { IsProtecting = true };
        foreach (var slot in _vm.Memslots.Active.Overlapping(range.Pages))
        {
            var gfns = slot.ToGfns(range.Pages);
            _vm.Counters.ChecksEvaluated++;
            for (var gfn = _vm.Sptes.NextPopulated(gfns.Start, gfns.End); gfn < gfns.End; gfn += 1)
            {
                if (_vm.Sptes.TryGet(gfn, out var spte) && range.Pages.Contains(new Hva(spte.Hva)))
                    _vm.Violated(
                        Invariants.NoStaleTranslation, $"range_start of {range.Pages} returns while {gfn} is still mapped", gfn,
                        new Hva(spte.Hva), new Pfn(spte.Pfn), op.Id);
                else if (spte.HandedOut != 0)
                    _vm.Violated(
                        Invariants.FlushBeforeFree, $"range_start of {range.Pages} returns while a TLB may still hold {gfn}", gfn,
                        slot.ToHva(gfn), operations: op.Id);
                else
                    continue;
                return;
            }
        }
    }

    /// <summary>
    /// range_end is called: the PTEs are as they will be, so a host lookup made from now on is good, and one made before is not. That is
    /// why the end counts from here for <see cref="LookupMark"/>, and not from its return, which the protocol may delay.
    /// </summary>
    public void EndBegan(MmuNotifierRange range)
    {
        if (TryFind(range, out var index)) _open[index] = _open[index] with { IsProtecting = false, Zapping = [] };
        _ended.Add(range.Pages);
        if (_vm.World.LooksForCases && _vm.Users.IsClosing) _vm.World.Reached(ReachedCase.EndAfterDestroyBegan);
    }

    public void EndDone(Operation op, MmuNotifierRange range)
    {
        _vm.Counters.ChecksEvaluated++;
        if (TryFind(range, out var index))
            _open.RemoveAt(index);
        else
            _vm.Violated(
                Invariants.Balance, $"range_end of {range.Pages} without its range_start", hva: range.Pages.Start, operations: op.Id);
        CheckBalance(op);
    }

    /// <summary>After unregister: ranges without their end are no longer owed one.</summary>
    public void Unregistered()
    {
        _unregistered.Value = true;
        if (_open.Count > 0) _vm.World.Reached(ReachedCase.DestroyInsideRange);
        _open.Clear();
    }

    /// <summary>No operation runs in the cluster: a range that is open now has lost its end.</summary>
    public void Settled()
    {
        _vm.Counters.ChecksEvaluated++;
        foreach (var open in _open)
            _vm.Violated(
                Invariants.Balance, $"range {open.Id} ({open.Pages}) of {open.Operation} never got its range_end", hva: open.Pages.Start,
                operations: open.Operation);
        _open.Clear();
    }

    /// <summary>A retry must be owed to a range that was open or has ended since the snapshot; else it would be the same for
    /// ever.</summary>
    public void Retried(Operation op, Gfn gfn, ulong sequence)
    {
        _vm.Counters.ChecksEvaluated++;
        if (_open.Count > 0 || _vm.Protocol.Sequence != sequence) return;
        _vm.Violated(
            Invariants.FaultProgress,
            $"the fault on {gfn} retries although no range is open (in progress: {_vm.Protocol.InvalidationsInProgress}): "
                + $"it would for ever",
            gfn, operations: op.Id);
    }

    private bool TryFind(MmuNotifierRange range, out int index)
    {
        for (index = 0; index < _open.Count; index++)
            if (_open[index].Id == range.RangeId) return true;
        return false;
    }

    private void CheckBalance(Operation op)
    {
        var protocol = _vm.Protocol;
        var quiet = _open.Count == 0 && !_unregistered.Value;
        if (protocol.InvalidationsInProgress >= 0 && protocol.ActiveInvalidations >= 0
            && (!quiet || (protocol.InvalidationsInProgress == 0 && protocol.ActiveInvalidations == 0))) return;
        _vm.Violated(
            Invariants.Balance,
            $"in_progress is {protocol.InvalidationsInProgress} and mn_active_invalidate_count {protocol.ActiveInvalidations} with "
                + $"{_open.Count} ranges open",
            operations: op.Id);
    }

    /// <summary>S2 of an SPTE that is about to be written; <paramref name="lookupMark"/> is from before the host was asked.</summary>
    internal void Installing(Operation op, Gfn gfn, Hva hva, Pfn pfn, long lookupMark)
    {
        foreach (var open in _open)
        {
            if (!open.Protects(gfn, hva)) continue;
            _vm.Violated(
                Invariants.NoInstallUnderInvalidation, $"{gfn} is mapped between start and end of {open.Pages} by {open.Operation}",
                gfn, hva, pfn, op.Id, open.Operation);
            break;
        }

        if (_ended.FindSince(lookupMark, hva) is { } ended)
            _vm.Violated(
                Invariants.NoInstallUnderInvalidation, $"{gfn} is mapped from a host lookup made before the end of {ended}",
                gfn, hva, pfn, op.Id);
    }
}
