using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>
/// What an SPTE must look like when it is written, made writable or left behind. S8: the lifetime of its memslot. S9: the page that the gfn
/// means. S12: no write where the host forbids it. Of S11: the root is freed once.
/// </summary>
public sealed class SpteChecks
{
    private readonly Vm _vm;

    internal SpteChecks(Vm vm) => _vm = vm;

    /// <summary>An SPTE is about to be written; <paramref name="lookupMark"/> is from before the host was asked.</summary>
    public void Installing(Operation op, Memslot slot, Gfn gfn, Hva hva, Pfn pfn, in HostPage page, SpteFlags flags, long lookupMark)
    {
        _vm.Counters.ChecksEvaluated += 4;
        _vm.Checks.Ranges.Installing(op, gfn, hva, pfn, lookupMark);
        CheckSlot(op, slot, gfn, hva, pfn);
        if (pfn != page.Pfn)
            _vm.Violated(
                Invariants.GfnFidelity, $"{gfn} is mapped to {pfn}, its host has {page.Pfn} at {hva}", gfn, hva, pfn,
                op.Id);
        if ((flags & SpteFlags.Writable) != 0 && (!page.Writable || slot.IsReadOnly))
            _vm.Violated(
                Invariants.Permission, $"{gfn} is mapped writable; host writable: {page.Writable}, memslot read-only: {slot.IsReadOnly}",
                gfn, hva, pfn, op.Id);
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
            Invariants.Permission, $"a fast page fault makes {gfn} writable, which the host mapped read-only", gfn, new Hva(spte.Hva),
            new Pfn(spte.Pfn), op.Id);
    }

    /// <summary>A reader has been waiting since it found the memslot and goes on with it.</summary>
    public void SlotUsed(Operation op, Memslot slot)
    {
        if (!slot.IsFreed) return;
        _vm.Violated(
            Invariants.SlotLifetime, $"{op} uses memslot {slot.Id} after it was freed", slot.BaseGfn, slot.BaseHva,
            operations: op.Id);
    }

    /// <summary>A fault has looked the memslot of a gfn up, in this step. A search that ends a page too early makes MMIO of
    /// memory.</summary>
    public void LookedUp(Operation op, Memslot? found, Gfn gfn)
    {
        if (found is not null && found.Gfns.Contains(gfn)) return;
        _vm.Counters.ChecksEvaluated++;
        foreach (var slot in _vm.Memslots.Active.Slots)
            if (slot.Gfns.Contains(gfn))
                _vm.Violated(
                    Invariants.GfnFidelity, $"the fault on {gfn} finds {(found is null ? "no memslot" : $"memslot {found.Id}")}, and it "
                        + $"lies in memslot {slot.Id}", gfn, slot.ToHva(gfn), operations: op.Id);
    }

    /// <summary>User space will emulate the access. Memory that a memslot is only being moved away from is no MMIO.</summary>
    public void EmulatedAsMmio(Operation op, Memslot? slot, Gfn gfn)
    {
        _vm.Counters.ChecksEvaluated++;
        if (slot is { IsInvalid: true })
            _vm.Violated(
                Invariants.SlotLifetime, $"{gfn} is taken as MMIO although memslot {slot.Id} has it, INVALID", gfn,
                operations: op.Id);
    }

    /// <summary>A release is about to free the root of the page table.</summary>
    public void FreeingRoot(Operation op, RootPage root)
    {
        _vm.Counters.ChecksEvaluated++;
        if (root.IsFreed) _vm.Violated(Invariants.Teardown, "release frees the root of the page table a second time", operations: op.Id);
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
                Invariants.SlotLifetime, $"{gfn} is still mapped although memslot {slot.Id} is gone", gfn, new Hva(spte.Hva),
                new Pfn(spte.Pfn), op.Id);
            return;
        }
    }

    /// <summary>S8 and S9 of an SPTE that is about to be written.</summary>
    private void CheckSlot(Operation op, Memslot slot, Gfn gfn, Hva hva, Pfn pfn)
    {
        SlotUsed(op, slot);
        if (slot.IsInvalid)
            _vm.Violated(
                Invariants.SlotLifetime, $"{gfn} is mapped in an INVALID memslot {slot.Id}", gfn, hva, pfn, op.Id);
        if (slot.ToHva(gfn) != hva)
            _vm.Violated(
                Invariants.GfnFidelity, $"{gfn} is mapped to {hva}, its memslot gives {slot.ToHva(gfn)}", gfn, hva, pfn,
                op.Id);
    }
}
