using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// The x86 TDP fault path (arch/x86/kvm/mmu/mmu.c: direct_page_fault, kvm_tdp_page_fault): walk, fast page fault, sequence snapshot, host
/// lookup, locked retry check, install. One call is one exit of the vCPU: RET_PF_RETRY goes back to the guest, which faults again; the
/// kernel knows no limit and no back-off there. Simplified: 4 KiB pages only, no async page faults.
/// </summary>
public sealed class FaultHandler(Vm vm)
{
    private const int NeighbourEntries = 8;

    /// <summary>Bounds what has no bound in the kernel, the loop of B43; far beyond any update that makes progress.</summary>
    private const int InvalidSlotSpinsMax = 1 << 20;

    private IInvalidationProtocol Protocol => vm.Protocol;

    public ValueTask<FaultReply> HandleAsync(Operation op, int vcpu, Gfn gfn, bool write)
    {
        if (vm.Users.IsClosing)
        {
            vm.World.Reached(ReachedCase.FaultOnDyingVm);
            return ValueTask.FromResult(new FaultReply(FaultStatus.Dead));
        }

        vm.Counters.TlbMisses++;
        if (vm.DirtyRings.IsSoftFull(vcpu) && vm.Options.Mutant != Mutant.RingFullExitForgotten)
        {
            vm.Counters.DirtyRingFullExits++;
            vm.World.Reached(ReachedCase.RingFull);
            if (vm.MemslotUpdates.IsMoving) vm.World.Reached(ReachedCase.RingFullInMove);
            return ValueTask.FromResult(new FaultReply(FaultStatus.RingFull));
        }

        if (Walk(gfn, write)) return ValueTask.FromResult(HandOut(gfn) with { IsRefill = true });

        vm.Counters.Faults++;
        return PageFaultAsync(op, vcpu, gfn, write);
    }

    private async ValueTask<FaultReply> PageFaultAsync(Operation op, int vcpu, Gfn gfn, bool write)
    {
        var section = vm.Srcu.ReadLock(op);
        var slot = vm.Memslots.Find(gfn);
        vm.Checks.Sptes.LookedUp(op, slot, gfn);
        if (await FastPageFaultAsync(op, slot, vcpu, gfn, write))
            return Leave(op, section, gfn, write, new FaultReply(FaultStatus.Mapped, Dirtied: write && slot!.LogsDirtyPages));

        // The snapshot comes before anything of the host is looked at (kvm-protocol 2.7 I4).
        var sequence = vm.Options.Mutant == Mutant.SequenceInSignedWord ? (ulong)(int)Protocol.Sequence : Protocol.Sequence;
        vm.World.Trace?.Note(op, $"fault on {gfn} notes sequence {sequence}");
        var lookupMark = vm.Checks.Ranges.LookupMark;
        await vm.World.PointAsync(SchedulingPoint.FaultStep);
        if (slot is null || (slot.IsInvalid && vm.Options.Mutant == Mutant.InvalidSlotTakenAsMmio))
            return Leave(op, section, gfn, write, Mmio(op, slot, gfn));
        if (slot.IsInvalid)
        {
            vm.World.Reached(ReachedCase.FaultOnInvalidMemslot);
            vm.World.Observer.FaultRetried(new FaultRetry(op.Id, gfn, slot.ToHva(gfn), RetryReason.InvalidMemslot, sequence));
            if (vm.Options.Mutant == Mutant.RetryInsideSrcu) await SpinWhileInvalidAsync(gfn);
            return Leave(op, section, gfn, write, new FaultReply(FaultStatus.Retry));
        }

        if (write && slot.IsReadOnly) return Leave(op, section, gfn, write, Mmio(op, slot, gfn));
        var hva = slot.ToHva(gfn);
        if (Protocol.ShouldRetryUnlocked(sequence, gfn, hva))
            return Leave(op, section, gfn, write, Retry(op, gfn, hva, sequence, ReachedCase.RetryBeforeLock));

        HostPage page;
        try
        {
            page = await vm.Host.FaultInAsync(op, hva, write);
        }
        catch
        {
            await vm.Host.NoPageAsync(op);
            throw;
        }

        if (vm.Options.Mutant == Mutant.SnapshotAfterLookup) sequence = Protocol.Sequence;
        if (page.Status != HostPageStatus.Ok)
        {
            await vm.Host.NoPageAsync(op);
            var status = page.Status == HostPageStatus.NoAddressSpace ? FaultStatus.Dead : FaultStatus.Error;
            return Leave(op, section, gfn, write, new FaultReply(status));
        }

        vm.World.Trace?.Note(op, $"the host has {page.Pfn} for {gfn}, {(page.Writable ? "writable" : "read-only")}");
        await vm.World.PointAsync(SchedulingPoint.FaultStep);

        FaultReply reply = default;
        var mustRetry = Protocol.ShouldRetryUnlocked(sequence, gfn, hva);
        var why = ReachedCase.RetryBeforeLock;
        if (!mustRetry)
        {
            var pfn = vm.Options.Mutant == Mutant.PfnAssumedContiguous ? PfnBehindNeighbour(slot, gfn, page.Pfn) : page.Pfn;
            await vm.MmuLock.ReadLockAsync(op);
            mustRetry = vm.Options.Mutant != Mutant.NoRetryCheck && Protocol.MustRetry(sequence, gfn, hva);
            if (!mustRetry) reply = Install(op, vcpu, slot, gfn, pfn, write, page, lookupMark);
            else why = Protocol.Sequence == sequence ? ReachedCase.RetryForOpenRange : ReachedCase.RetryForSequence;
            vm.MmuLock.ReadUnlock(op);
        }

        if (mustRetry) reply = Retry(op, gfn, hva, sequence, why);
        // The reference keeps KSM and migration away from the page until the SPTE is in place (kvm-protocol 2.7 I10).
        await vm.Host.PutPageAsync(op, page.Pfn);
        return Leave(op, section, gfn, write, reply);
    }

    /// <summary>The end of a page fault, whatever became of it.</summary>
    private FaultReply Leave(Operation op, long section, Gfn gfn, bool write, in FaultReply reply)
    {
        vm.Srcu.ReadUnlock(op, section);
        if (reply.Status == FaultStatus.Retry) vm.Counters.FaultRetries++;
        // The guest is entered again and the hardware walks; should the SPTE be gone by now, it faults again.
        if (reply.Status == FaultStatus.Mapped)
        {
            if (Walk(gfn, write)) return HandOut(gfn) with { Dirtied = reply.Dirtied };
            vm.World.Observer.FaultRetried(new FaultRetry(op.Id, gfn, default, RetryReason.MappingGone, Sequence: 0));
            return reply with { Status = FaultStatus.Retry };
        }

        if (reply.Status == FaultStatus.Mmio) vm.Counters.MmioExits++;
        if (reply.Status == FaultStatus.Error) vm.Counters.FaultErrors++;
        return reply;
    }

    /// <summary>Under mmu_lock (read), when no retry is owed.</summary>
    private FaultReply Install(Operation op, int vcpu, Memslot slot, Gfn gfn, Pfn pfn, bool write, HostPage page, long lookupMark)
    {
        var hva = slot.ToHva(gfn);
        var dirtied = false;
        // Parallel faults meet under the read lock: a frozen or already sufficient SPTE is left alone (RET_PF_SPURIOUS).
        if (!vm.Sptes.TryGet(gfn, out var present) || present.IsAccessTracked || (write && !present.IsWritable))
        {
            var flags = MakeSpte(slot, write, page.Writable || vm.Options.Mutant == Mutant.ReadOnlyMappedWritable);
            vm.Checks.Sptes.Installing(op, slot, gfn, hva, pfn, page, flags, lookupMark);
            // Marked before the SPTE is written, in the same critical section, which get and clear take for write.
            dirtied = (flags & SpteFlags.Writable) != 0 && slot.LogsDirtyPages;
            if (dirtied) vm.DirtyLog.MarkPageDirty(slot, gfn, vcpu);
            vm.Sptes.Install(gfn, pfn, hva, flags);
        }
        else
        {
            vm.World.Reached(ReachedCase.FaultMetFault);
        }

        vm.World.Trace?.Note(
            op, ModelStep.SpteInstall, 1,
            $"the SPTE of {gfn} maps pfn 0x{vm.Sptes[gfn].Pfn:x}, {(vm.Sptes[gfn].IsWritable ? "writable" : "read-only")}");
        return new FaultReply(FaultStatus.Mapped, Dirtied: dirtied);
    }

    /// <summary>
    /// <c>fast_page_fault</c>: makes a write-protected SPTE writable by a cmpxchg, without mmu_lock. The cmpxchg succeeds only on the
    /// present SPTE that was read, so no zap came between. The dirty mark follows it in a step of its own: a mark that a get cleared in
    /// between would leave a writable page unlogged. A write through the SPTE before the mark is in the log that is read after it, as vCPUs
    /// that are stopped have made their marks. On a CPU without A bits it also gives back what ageing took, for reads too.
    /// </summary>
    private async ValueTask<bool> FastPageFaultAsync(Operation op, Memslot? slot, int vcpu, Gfn gfn, bool write)
    {
        if ((!write && vm.Options.HasAccessedBits) || slot is null || (write && slot.IsReadOnly) || slot.IsInvalid) return false;
        if (!vm.Sptes.TryGet(gfn, out var old) || (write && !old.IsMmuWritable)) return false;
        var restored = (old.Flags & ~SpteFlags.AccessTracked) | (write ? SpteFlags.Writable : SpteFlags.None);
        if (vm.Options.Mutant == Mutant.AccessTrackingRestoresWrite && old.IsMmuWritable) restored |= SpteFlags.Writable;
        if (restored == old.Flags) return false;
        if (vm.Options.Mutant == Mutant.MarkBeforeFastFault && write && slot.LogsDirtyPages)
        {
            vm.DirtyLog.MarkPageDirty(slot, gfn, vcpu);
            await vm.World.PointAsync(SchedulingPoint.Preempt);
        }
        else
        {
            await vm.World.PointAsync(SchedulingPoint.FaultStep);
        }

        ref var spte = ref vm.Sptes[gfn];
        if (spte.Installation != old.Installation || spte.Flags != old.Flags)
        {
            vm.World.Reached(ReachedCase.FastPageFaultLost);
            return false;
        }

        spte.Flags = restored;
        vm.Counters.FastPageFaults++;
        if (!write) return true;
        vm.World.Reached(ReachedCase.FastPageFaultDone);
        vm.Checks.Sptes.MadeWritable(op, slot, gfn);
        vm.World.Trace?.Note(op, ModelStep.FastPageFault, 1, $"makes the SPTE of {gfn} writable (fast page fault)");
        if (vm.Options.Mutant == Mutant.MarkBeforeFastFault || !slot.LogsDirtyPages) return true;
        await vm.World.PointAsync(SchedulingPoint.FaultStep);
        vm.Checks.Sptes.SlotUsed(op, slot);
        vm.DirtyLog.MarkPageDirty(slot, gfn, vcpu);
        return true;
    }

    /// <summary><c>make_spte</c>: a page of a logged slot becomes writable by a write only.</summary>
    private SpteFlags MakeSpte(Memslot slot, bool write, bool hostWritable)
    {
        if (!hostWritable || slot.IsReadOnly)
            return vm.Options.Mutant == Mutant.ReadOnlyLeftMmuWritable ? SpteFlags.MmuWritable : SpteFlags.None;
        var flags = SpteFlags.HostWritable | SpteFlags.MmuWritable;
        return write || !slot.LogsDirtyPages ? flags | SpteFlags.Writable : flags;
    }

    /// <summary>B28: where the page before lies in frame n, this one is taken to lie in n + 1, whatever the host says.</summary>
    private Pfn PfnBehindNeighbour(Memslot slot, Gfn gfn, Pfn otherwise)
    {
        var before = gfn + -1;
        return slot.Gfns.Contains(before) && vm.Sptes.TryGet(before, out var neighbour) ? new Pfn(neighbour.Pfn + 1) : otherwise;
    }

    /// <summary>B43: waits in the kernel, and inside the SRCU section, for the update that waits for this section.</summary>
    private async ValueTask SpinWhileInvalidAsync(Gfn gfn)
    {
        for (var i = 0; i < InvalidSlotSpinsMax && vm.Memslots.Find(gfn) is { IsInvalid: true }; i++)
            await vm.World.PointAsync(SchedulingPoint.Yield);
    }

    private FaultReply Mmio(Operation op, Memslot? slot, Gfn gfn)
    {
        vm.World.Reached(ReachedCase.MmioExit);
        vm.Checks.Sptes.EmulatedAsMmio(op, slot, gfn);
        return new FaultReply(FaultStatus.Mmio);
    }

    private FaultReply Retry(Operation op, Gfn gfn, Hva hva, ulong sequence, ReachedCase why)
    {
        vm.World.Reached(ReachedCase.FaultRetried);
        vm.World.Reached(why);
        vm.Checks.Ranges.Retried(op, gfn, sequence);
        var reason = Protocol.Sequence == sequence ? RetryReason.InvalidationInProgress : RetryReason.SequenceChanged;
        vm.World.Observer.FaultRetried(new FaultRetry(op.Id, gfn, hva, reason, sequence));
        vm.World.Trace?.Note(op, $"fault on {gfn} must retry: a range is or was open");
        return new FaultReply(FaultStatus.Retry);
    }

    private bool Walk(Gfn gfn, bool write) => vm.Sptes.TryGet(gfn, out var spte) && !spte.IsAccessTracked && (!write || spte.IsWritable);

    private FaultReply HandOut(Gfn gfn)
    {
        vm.Checks.Tlb.HandedOut(gfn);
        vm.Sptes.TryGet(gfn, out var walked);
        var translation = walked.ToTranslation(gfn);
        Span<Translation> neighbours = stackalloc Translation[NeighbourEntries];
        var count = 0;
        var line = new Gfn(gfn.Value & ~(NeighbourEntries - 1L));
        for (var neighbour = line; neighbour < line + NeighbourEntries; neighbour += 1)
        {
            if (neighbour == gfn || !vm.Sptes.TryGet(neighbour, out var spte)) continue;
            if (spte.IsAccessTracked && vm.Options.Mutant != Mutant.TlbTakesAccessTracked) continue;
            vm.Checks.Tlb.HandedOut(neighbour);
            neighbours[count++] = spte.ToTranslation(neighbour);
        }

        return new FaultReply(FaultStatus.Mapped, translation, count > 0 ? neighbours[..count].ToArray() : null);
    }
}
