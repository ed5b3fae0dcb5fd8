using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Notifiers;

/// <summary>
/// <c>kvm_mmu_notifier_ops</c> (virt/kvm/kvm_main.c): what the host calls. Start and end go to the protocol, with the checks around them;
/// ageing and release are the same for every protocol but for the lock.
/// </summary>
public sealed class VmNotifier(Vm vm) : IMmuNotifierSubscriber
{
    private const long NoSection = 0;

    public string Name => vm.Options.Name;
    public bool HasChangePte => vm.Protocol.HasChangePte;

    public async ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range)
    {
        vm.Counters.NotifierRanges++;
        vm.Checks.Ranges.StartBegan(op, range);
        vm.World.Trace?.Note(op, $"range_start {range.Pages} of {Name}");
        vm.Checks.Contract.StartCalled();
        await vm.Protocol.RangeStartAsync(op, range);
        vm.Checks.Contract.StartReturned();
        vm.Checks.Ranges.StartDone(op, range);
        vm.World.Trace?.Note(op, $"range_start of {Name} is done");
        return true;
    }

    public async ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range)
    {
        vm.Checks.Ranges.EndBegan(range);
        vm.World.Trace?.Note(op, $"range_end {range.Pages} of {Name}");
        vm.Checks.Contract.EndCalled();
        await vm.Protocol.RangeEndAsync(op, range);
        vm.Checks.Contract.EndReturned();
        vm.Checks.Ranges.EndDone(op, range);
        vm.World.Trace?.Note(op, $"range_end of {Name} is done");
    }

    /// <summary><c>kvm_mmu_notifier_change_pte</c>: since 2012 it runs inside start and end, so it never finds an SPTE on x86; on arm64 it
    /// maps the new page, read-only.</summary>
    public async ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn)
    {
        var section = vm.Srcu.ReadLock(op);
        var locked = false;
        foreach (var slot in vm.Memslots.Active.Overlapping(new HvaRange(hva, 1)))
        {
            if (!locked) await vm.MmuLock.WriteLockAsync(op);
            locked = true;
            if (vm.Protocol.ChangePteMaps) ChangeSpte(op, slot, hva, pfn);
        }

        if (locked) vm.MmuLock.WriteUnlock(op);
        vm.Srcu.ReadUnlock(op, section);
    }

    public async ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush)
    {
        var (young, gfns) = await AgeAsync(op, range, clear: true);
        if (flush && young) await vm.Flusher.FlushAsync(op, gfns, FlushReason.Ageing);
        return young;
    }

    public async ValueTask<bool> TestYoungAsync(Operation op, HvaRange range) => (await AgeAsync(op, range, clear: false)).Young;

    public async ValueTask ReleaseAsync(Operation op)
    {
        var section = vm.Srcu.ReadLock(op);
        RootPage? root = null;
        if (vm.Options.Mutant == Mutant.ReleaseNotSerialised)
        {
            root = vm.Sptes.Root;
            await vm.World.PointAsync(SchedulingPoint.Preempt);
        }

        // kvm_flush_shadow_all: idempotent and under mmu_lock, because exit_mmap and the last close may run it at the same time. The root
        // is detached under the lock; the caller that detached it frees it outside of the lock.
        await vm.MmuLock.WriteLockAsync(op);
        foreach (var range in vm.Sptes.Pages())
        {
            var zapped = await vm.Zapper.UnmapAsync(op, range, mayYield: false);
            if (!zapped.IsEmpty) await vm.Flusher.FlushAsync(op, zapped, FlushReason.Release);
        }

        var detached = vm.Sptes.DetachRoot();
        if (detached is null) vm.World.Reached(ReachedCase.ReleasedTwice);
        vm.MmuLock.WriteUnlock(op);
        root ??= detached;
        if (root is not null)
        {
            vm.Checks.Sptes.FreeingRoot(op, root);
            root.Free();
        }

        vm.Srcu.ReadUnlock(op, section);
    }

    /// <summary><c>kvm_change_spte_gfn</c> and arm64's <c>kvm_set_spte_gfn</c>. A memslot that is being deleted is skipped: range_start has
    /// unmapped it, and nothing would unmap it again (kvm-protocol 9.2, B6).</summary>
    private void ChangeSpte(Operation op, Memslot slot, Hva hva, Pfn pfn)
    {
        if (slot.IsInvalid && vm.Options.Mutant != Mutant.ChangePteMapsInvalidSlot) return;
        var gfn = slot.ToGfns(new HvaRange(hva, 1)).Start;
        vm.Checks.Sptes.Changing(op, slot, gfn, hva, pfn);
        vm.Sptes.Install(gfn, pfn, hva, SpteFlags.None);
    }

    private async ValueTask<(bool Young, GfnRange Gfns)> AgeAsync(Operation op, HvaRange range, bool clear)
    {
        vm.Counters.AgeingCalls++;
        var section = vm.Options.Mutant == Mutant.WalkWithoutSrcu ? NoSection : vm.Srcu.ReadLock(op);
        var locked = false;
        var young = false;
        GfnRange touched = default;
        foreach (var slot in vm.Memslots.Active.Overlapping(range))
        {
            if (!locked && !vm.Protocol.HasLocklessAgeing)
            {
                await vm.MmuLock.WriteLockAsync(op);
                locked = true;
            }

            vm.Checks.Sptes.SlotUsed(op, slot);
            touched = slot.ToGfns(range);
            for (var gfn = touched.Start; gfn < touched.End; gfn += 1)
            {
                if (!vm.Sptes.TryGet(gfn, out var spte) || !IsYoung(spte)) continue;
                young = true;
                if (clear && vm.Options.Mutant == Mutant.NonAtomicSpteUpdate) await WriteBackAsync(gfn, spte);
                else if (clear) vm.Sptes[gfn].Flags = Aged(vm.Sptes[gfn].Flags);
            }
        }

        if (locked) vm.MmuLock.WriteUnlock(op);
        if (section != NoSection) vm.Srcu.ReadUnlock(op, section);
        return (young, touched);
    }

    /// <summary><c>is_accessed_spte</c>.</summary>
    private bool IsYoung(in Spte spte) => vm.Options.HasAccessedBits ? (spte.Flags & SpteFlags.Accessed) != 0 : !spte.IsAccessTracked;

    /// <summary>The A bit goes or, where there is none, every permission does (<c>mark_spte_for_access_track</c>).</summary>
    private SpteFlags Aged(SpteFlags flags) =>
        vm.Options.HasAccessedBits
            ? flags & ~SpteFlags.Accessed
            : (flags & ~(SpteFlags.Accessed | SpteFlags.Writable)) | SpteFlags.AccessTracked;

    /// <summary>B22: the A bit is cleared by a read and a write where it takes an atomic instruction. What that does to an SPTE that was
    /// zapped or installed meanwhile is not modelled.</summary>
    private async ValueTask WriteBackAsync(Gfn gfn, Spte read)
    {
        await vm.World.PointAsync(SchedulingPoint.Preempt);
        if (vm.Sptes.TryGet(gfn, out var now) && now.Installation == read.Installation) vm.Sptes[gfn].Flags = Aged(read.Flags);
    }
}
