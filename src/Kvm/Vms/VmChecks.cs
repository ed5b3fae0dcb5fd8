using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>
/// The ground truth of one VM and the checks against it: which ranges are open whatever the protocol counts (S2, S3, S4), what a TLB
/// may hold (S5), and what an SPTE must look like (S8, S9, S12). It uses none of the protocol's state to judge the protocol.
/// </summary>
public sealed class VmChecks
{
    private readonly Vm _vm;
    private readonly TrackedMap<long, OpenRange> _open;
    private readonly EndedRanges _ended;
    private Tracked<bool> _unregistered;

    internal VmChecks(Vm vm)
    {
        _vm = vm;
        var place = new Place(vm.World);
        _open = new TrackedMap<long, OpenRange>(place);
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
                Invariants.Teardown, $"range_start of {range.Pages} is called after unregister", hva: range.Pages.Start.Value,
                operations: op.Id);
        _open[range.RangeId] = new OpenRange(range.Pages, op.Id);
    }

    /// <summary>Called by the walk, in the step in which it reads the memslot set.</summary>
    public void WalkBegan(MmuNotifierRange range, bool isEnd)
    {
        if (!_open.TryGetValue(range.RangeId, out var open)) return;
        if (!isEnd)
        {
            _open[range.RangeId] = open with { SwapsAtStart = _vm.Memslots.Swaps };
        }
        else if (_vm.Protocol.NeedsSameSlots(range))
        {
            _vm.Counters.ChecksEvaluated++;
            if (open.SwapsAtStart != _vm.Memslots.Swaps)
                _vm.Violated(
                    Invariants.SameSlots,
                    $"range_end of {range.Pages} walks memslot set {_vm.Memslots.Swaps}, its range_start walked set {open.SwapsAtStart}",
                    hva: range.Pages.Start.Value, operations: open.Operation);
        }
    }

    /// <summary>The walk of range_start zaps these pages next, with the range counted and in the hull: from here on none of them may be
    /// mapped, also while the zap has yielded mmu_lock.</summary>
    public void ZapBegan(MmuNotifierRange range, GfnRange gfns)
    {
        if (_open.TryGetValue(range.RangeId, out var open))
            _open[range.RangeId] = open with { Zapping = open.Zapping.Add(gfns) };
    }

    /// <summary>range_start is about to return: nothing of the range may be mapped or cached any more.</summary>
    public void StartDone(Operation op, MmuNotifierRange range)
    {
        if (!_open.TryGetValue(range.RangeId, out var open)) return;
        _open[range.RangeId] = open with { IsProtecting = true };
        foreach (var slot in _vm.Memslots.Active.Overlapping(range.Pages))
        {
            var gfns = slot.ToGfns(range.Pages);
            _vm.Counters.ChecksEvaluated++;
            for (var gfn = _vm.Sptes.NextPopulated(gfns.Start, gfns.End); gfn < gfns.End; gfn += 1)
            {
                if (_vm.Sptes.TryGet(gfn, out var spte) && range.Pages.Contains(new Hva(spte.Hva)))
                    _vm.Violated(
                        Invariants.NoStaleTranslation, $"range_start of {range.Pages} returns while {gfn} is still mapped", gfn.Value,
                        spte.Hva, spte.Pfn, op.Id);
                else if (spte.HandedOut != 0)
                    _vm.Violated(
                        Invariants.FlushBeforeFree, $"range_start of {range.Pages} returns while a TLB may still hold {gfn}", gfn.Value,
                        slot.ToHva(gfn).Value, operations: op.Id);
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
        if (_open.TryGetValue(range.RangeId, out var open))
            _open[range.RangeId] = open with { IsProtecting = false, Zapping = [] };

        _ended.Add(range.Pages);
    }

    public void EndDone(Operation op, MmuNotifierRange range)
    {
        _vm.Counters.ChecksEvaluated++;
        if (!_open.Remove(range.RangeId))
            _vm.Violated(
                Invariants.Balance, $"range_end of {range.Pages} without its range_start", hva: range.Pages.Start.Value, operations: op.Id);
        CheckBalance(op);
    }

    /// <summary>After unregister: ranges without their end are no longer owed one.</summary>
    public void Unregistered()
    {
        _unregistered.Value = true;
        _open.Clear();
    }

    /// <summary>An SPTE is about to be written; <paramref name="lookupMark"/> is from before the host was asked.</summary>
    public void Installing(Operation op, Memslot slot, Gfn gfn, Hva hva, Pfn pfn, in HostPage page, SpteFlags flags, long lookupMark)
    {
        _vm.Counters.ChecksEvaluated += 4;
        foreach (var (_, open) in _open)
        {
            if (!open.Protects(gfn, hva)) continue;
            _vm.Violated(
                Invariants.NoInstallUnderInvalidation, $"{gfn} is mapped between start and end of {open.Pages} by {open.Operation}",
                gfn.Value, hva.Value, pfn.Value, op.Id, open.Operation);
            break;
        }

        if (_ended.FindSince(lookupMark, hva) is { } ended)
            _vm.Violated(
                Invariants.NoInstallUnderInvalidation, $"{gfn} is mapped from a host lookup made before the end of {ended}",
                gfn.Value, hva.Value, pfn.Value, op.Id);

        CheckSlot(op, slot, gfn, hva, pfn);
        if (pfn != page.Pfn)
            _vm.Violated(
                Invariants.GfnFidelity, $"{gfn} is mapped to {pfn}, its host has {page.Pfn} at {hva}", gfn.Value, hva.Value, pfn.Value,
                op.Id);
        if ((flags & SpteFlags.Writable) != 0 && (!page.Writable || slot.IsReadOnly))
            _vm.Violated(
                Invariants.Permission, $"{gfn} is mapped writable; host writable: {page.Writable}, memslot read-only: {slot.IsReadOnly}",
                gfn.Value, hva.Value, pfn.Value, op.Id);
    }

    /// <summary>change_pte maps the page that the host is about to map there: inside a range, rightly, but not in any memslot.</summary>
    public void Changing(Operation op, Memslot slot, Gfn gfn, Hva hva, Pfn pfn)
    {
        _vm.Counters.ChecksEvaluated += 2;
        CheckSlot(op, slot, gfn, hva, pfn);
    }

    /// <summary>A fast page fault has made the SPTE writable, for which the host was not asked again: the bit from its install must say
    /// so.</summary>
    public void MadeWritable(Operation op, Memslot slot, Gfn gfn)
    {
        _vm.Counters.ChecksEvaluated++;
        SlotUsed(op, slot);
        _vm.Sptes.TryGet(gfn, out var spte);
        if ((spte.Flags & SpteFlags.HostWritable) != 0) return;
        _vm.Violated(
            Invariants.Permission, $"a fast page fault makes {gfn} writable, which the host mapped read-only", gfn.Value, spte.Hva,
            spte.Pfn, op.Id);
    }

    /// <summary>A reader has been waiting since it found the memslot and goes on with it.</summary>
    public void SlotUsed(Operation op, Memslot slot)
    {
        if (!slot.IsFreed) return;
        _vm.Violated(
            Invariants.SlotLifetime, $"{op} uses memslot {slot.Id} after it was freed", slot.BaseGfn.Value, slot.BaseHva.Value,
            operations: op.Id);
    }

    /// <summary>User space will emulate the access. Memory that a memslot is only being moved away from is no MMIO.</summary>
    public void EmulatedAsMmio(Operation op, Memslot? slot, Gfn gfn)
    {
        _vm.Counters.ChecksEvaluated++;
        if (slot is { IsInvalid: true })
            _vm.Violated(
                Invariants.SlotLifetime, $"{gfn} is taken as MMIO although memslot {slot.Id} has it, INVALID", gfn.Value,
                operations: op.Id);
    }

    /// <summary>A release is about to free the root of the page table.</summary>
    public void FreeingRoot(Operation op, RootPage root)
    {
        _vm.Counters.ChecksEvaluated++;
        if (root.IsFreed) _vm.Violated(Invariants.Teardown, "release frees the root of the page table a second time", operations: op.Id);
    }

    /// <summary>A walk gives an SPTE to a vCPU, which may keep it in its TLB until a flush that begins later has ended.</summary>
    public void HandedOut(Gfn gfn)
    {
        ref var spte = ref _vm.Sptes[gfn];
        spte.Flags |= SpteFlags.Accessed;
        spte.HandedOut = _vm.Flusher.HandOutEpoch;
        if (spte.IsWritable) spte.HandedOutWritable = spte.HandedOut;
    }

    /// <summary>A flush that began at <paramref name="epoch"/> has ended on all vCPUs.</summary>
    public void Flushed(GfnRange range, long epoch)
    {
        for (var gfn = _vm.Sptes.NextPopulated(range.Start, range.End); gfn < range.End;)
        {
            var pageEnd = new Gfn((gfn.Value / _vm.Sptes.EntriesPerPage + 1) * _vm.Sptes.EntriesPerPage);
            for (var end = pageEnd < range.End ? pageEnd : range.End; gfn < end; gfn += 1)
            {
                _vm.Sptes.TryGet(gfn, out var seen);
                if (!IsBefore(seen.HandedOut, epoch) && !IsBefore(seen.HandedOutWritable, epoch)) continue;
                ref var spte = ref _vm.Sptes[gfn];
                if (spte.HandedOut < epoch) spte.HandedOut = 0;
                if (spte.HandedOutWritable < epoch) spte.HandedOutWritable = 0;
            }

            gfn = _vm.Sptes.NextPopulated(gfn, range.End);
        }
    }

    /// <summary>User space is about to see that these pages were dirty: no TLB may still write them unseen.</summary>
    public void DirtyLogReturns(Operation op, Memslot slot, PageSet reported, long epoch)
    {
        _vm.Counters.ChecksEvaluated++;
        foreach (var hva in reported)
        {
            var gfn = slot.BaseGfn + (hva - slot.BaseHva);
            _vm.Sptes.TryGet(gfn, out var spte);
            if (spte.HandedOutWritable == 0 || spte.HandedOutWritable > epoch) continue;
            _vm.Violated(
                Invariants.FlushBeforeFree, $"the dirty log returns {gfn} while a TLB may still hold it writable", gfn.Value, spte.Hva,
                spte.Pfn, op.Id);
            return;
        }
    }

    /// <summary>A memslot leaves the VM for good: nothing of it may be mapped.</summary>
    public void SlotRemoved(Operation op, Memslot slot)
    {
        _vm.Counters.ChecksEvaluated++;
        for (var gfn = _vm.Sptes.NextPopulated(slot.Gfns.Start, slot.Gfns.End); gfn < slot.Gfns.End; gfn += 1)
        {
            // A moved slot may cover part of its old place again.
            if (!_vm.Sptes.TryGet(gfn, out var spte) || _vm.Memslots.Find(gfn)?.ToHva(gfn).Value == spte.Hva) continue;
            _vm.Violated(
                Invariants.SlotLifetime, $"{gfn} is still mapped although memslot {slot.Id} is gone", gfn.Value, spte.Hva, spte.Pfn, op.Id);
            return;
        }
    }

    /// <summary>No operation runs in the cluster: a range that is open now has lost its end.</summary>
    public void Settled()
    {
        _vm.Counters.ChecksEvaluated++;
        foreach (var (id, open) in _open)
            _vm.Violated(
                Invariants.Balance, $"range {id} ({open.Pages}) of {open.Operation} never got its range_end", hva: open.Pages.Start.Value,
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
            gfn.Value, operations: op.Id);
    }

    /// <summary>S8 and S9 of an SPTE that is about to be written.</summary>
    private void CheckSlot(Operation op, Memslot slot, Gfn gfn, Hva hva, Pfn pfn)
    {
        SlotUsed(op, slot);
        if (slot.IsInvalid)
            _vm.Violated(
                Invariants.SlotLifetime, $"{gfn} is mapped in an INVALID memslot {slot.Id}", gfn.Value, hva.Value, pfn.Value, op.Id);
        if (slot.ToHva(gfn) != hva)
            _vm.Violated(
                Invariants.GfnFidelity, $"{gfn} is mapped to {hva}, its memslot gives {slot.ToHva(gfn)}", gfn.Value, hva.Value, pfn.Value,
                op.Id);
    }

    private static bool IsBefore(long handedOut, long epoch) => handedOut != 0 && handedOut < epoch;

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
}
