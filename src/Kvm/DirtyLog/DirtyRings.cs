using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.DirtyLog;

/// <summary>
/// The dirty rings of a VM's vCPUs and KVM_RESET_DIRTY_RINGS. The rings are kernel memory that user space maps, so they live with the VM
/// and not with the vCPU's registers. The reset re-protects before it returns: only then may user space read a harvested page.
/// </summary>
public sealed class DirtyRings(Vm vm)
{
    private readonly List<DirtyRing> _rings = [];

    public bool IsSoftFull(int vcpu) => vm.Options.DirtyLog == DirtyLogMode.Ring && RingOf(vcpu).IsSoftFull;

    /// <summary>Claims an entry for a write of KVM's own on behalf of the vCPU; false when the vCPU would leave with its ring full. Without rings
    /// always true. Each true is followed by one <see cref="Unclaim"/>.</summary>
    public bool TryClaim(int vcpu) => vm.Options.DirtyLog != DirtyLogMode.Ring || RingOf(vcpu).TryClaim();

    public void Unclaim(int vcpu)
    {
        if (vm.Options.DirtyLog == DirtyLogMode.Ring) RingOf(vcpu).Unclaim();
    }

    public void Push(int vcpu, Memslot slot, Gfn gfn)
    {
        vm.Counters.ChecksEvaluated++;
        if (!RingOf(vcpu).TryPush(slot.Id, slot.Instance, gfn - slot.BaseGfn))
            vm.Violated(Invariants.RingFidelity, $"the dirty ring of vcpu {vcpu} has no room for {gfn}: its entry would be overwritten", gfn.Value);
    }

    /// <summary>
    /// User space harvests every ring, resets them, and only then gets the pages: <paramref name="found"/> is called with slot id and page
    /// for each entry, after the reset has returned.
    /// </summary>
    /// <returns>entries harvested; -1 when the VM is dying and nothing was reset</returns>
    public async ValueTask<long> ReapAsync(Operation op, Action<int, long> found)
    {
        vm.LogState.Writes();
        var harvested = new List<(int SlotId, long Page)>();
        foreach (var ring in _rings)
            while (ring.TryHarvest(out var slotId, out _, out var page))
                harvested.Add((slotId, page));
        if (!await TryResetAsync(op)) return -1;
        vm.LogState.Writes();
        foreach (var (slotId, page) in harvested) found(slotId, page);
        vm.Counters.DirtyPagesReported += harvested.Count;
        return harvested.Count;
    }

    private async ValueTask<bool> TryResetAsync(Operation op)
    {
        if (!vm.Users.TryGet(op, out var user)) return false;
        await vm.SlotsLock.AcquireAsync(op);
        var protectedPages = new Dictionary<Memslot, ulong[]>();
        var takesDirty = vm.Options.Mutant == Mutant.RingEntryConsumedUnharvested;
        await vm.MmuLock.WriteLockAsync(op);
        vm.LogState.Writes();
        foreach (var ring in _rings)
        {
            while (ring.TryReset(takesDirty, out var slotId, out var instance, out var page))
            {
                vm.Counters.ChecksEvaluated++;
                if (ring.Harvested < 0)
                    vm.Violated(Invariants.RingFidelity, $"the reset takes the entry of page {page} of memslot {slotId}, which user space has not harvested", operations: op.Id);

                // The entry lies in memory that user space can write: a slot that is gone or a page outside of it is skipped.
                if (vm.Memslots.Active.ById(slotId) is not { } slot || slot.Instance != instance || page >= slot.Pages) continue;
                if (!protectedPages.TryGetValue(slot, out var mask)) protectedPages[slot] = mask = new ulong[(slot.Pages + 63) / 64];
                mask[page >> 6] |= 1UL << (int)(page & 63);
                if (vm.Options.Mutant != Mutant.RingResetWithoutProtect) vm.Sptes.WriteProtect(slot.BaseGfn + page);
            }
        }

        var epoch = vm.Flusher.NextEpoch();
        vm.MmuLock.WriteUnlock(op);
        foreach (var (slot, mask) in protectedPages)
        {
            await vm.Flusher.FlushAsync(op, slot.Gfns, FlushReason.DirtyLog);
            vm.Checks.DirtyLogReturns(op, slot.BaseGfn, mask, epoch);
        }

        vm.Counters.DirtyRingResets++;
        vm.World.Trace?.Note(op, "the dirty rings are reset");
        vm.SlotsLock.Release(op);
        vm.Users.Put(op, user);
        return true;
    }

    private DirtyRing RingOf(int vcpu)
    {
        vm.LogState.Writes();
        while (_rings.Count <= vcpu) _rings.Add(new DirtyRing(vm.Options.RingEntries));
        return _rings[vcpu];
    }
}
