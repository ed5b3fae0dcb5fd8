using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.DirtyLog;

/// <summary>
/// The dirty rings of a VM's vCPUs and KVM_RESET_DIRTY_RINGS. The rings are kernel memory that user space maps, so they live with the VM
/// and not with the vCPU's registers. The reset re-protects before it returns: only then may user space read a harvested page.
/// </summary>
public sealed class DirtyRings(Vm vm)
{
    private const int FewEntries = 16;

    private readonly TrackedList<DirtyRing> _rings = new(vm.LogState);

    public bool IsSoftFull(int vcpu) => vm.Options.DirtyLog == DirtyLogMode.Ring && RingOf(vcpu).IsSoftFull;

    /// <summary>Claims an entry for a write of KVM's own on behalf of the vCPU; false when the vCPU would leave with its ring full. Without
    /// rings always true. Each true is followed by one <see cref="Unclaim"/>.</summary>
    public bool TryClaim(int vcpu) => vm.Options.DirtyLog != DirtyLogMode.Ring || RingOf(vcpu).TryClaim();

    public void Unclaim(int vcpu)
    {
        if (vm.Options.DirtyLog == DirtyLogMode.Ring) RingOf(vcpu).Unclaim();
    }

    public void Push(int vcpu, Memslot slot, Gfn gfn)
    {
        vm.Counters.ChecksEvaluated++;
        var ring = RingOf(vcpu);
        if (!ring.TryPush(slot.Id, slot.Instance, gfn - slot.BaseGfn) && !ring.IsTampered)
            vm.Violated(
                Invariants.RingFidelity, $"the dirty ring of vcpu {vcpu} has no room for {gfn}: its entry would be overwritten", gfn);
        else if (ring.IsBeyondClaims)
            vm.Violated(
                Invariants.RingFidelity,
                $"the dirty ring of vcpu {vcpu} holds {ring.Used} entries, and its soft limit is {ring.Entries - DirtyRing.Reserved}: "
                    + $"{gfn} takes a reserved one that nobody has claimed",
                gfn);
    }

    /// <summary>
    /// User space harvests every ring, resets them, and only then gets the pages: <paramref name="found"/> is called with slot id and page
    /// for each entry, after the reset has returned.
    /// </summary>
    /// <returns>entries harvested; -1 when the VM is dying and nothing was reset</returns>
    public async ValueTask<long> ReapAsync(Operation op, Action<int, long> found)
    {
        var harvested = new List<(int SlotId, long Page)>();
        var most = vm.Options.Mutant == Mutant.ReapStopsEarly ? FewEntries : int.MaxValue;
        foreach (var ring in _rings)
            while (harvested.Count < most && ring.TryHarvest(out var slotId, out var page))
                harvested.Add((slotId, page));
        var toldFirst = vm.Options.Mutant == Mutant.RingToldBeforeReset;
        if (toldFirst) Tell();
        if (!await TryResetAsync(op)) return -1;
        if (!toldFirst) Tell();
        vm.Counters.DirtyPagesReported += harvested.Count;
        if (harvested.Count > 0) vm.World.Reached(ReachedCase.LogReadDirty);
        return harvested.Count;

        void Tell()
        {
            foreach (var (slotId, page) in harvested) found(slotId, page);
        }
    }

    /// <summary>User space that is no friend writes another offset into the next entry that a reset will consume; false when none is
    /// waiting.</summary>
    public bool TryRewriteOffset(int vcpu, ulong offset) => RingOf(vcpu).TryRewriteOffset(offset);

    /// <summary>The same user space marks every entry RESET that the kernel has emptied.</summary>
    public void Rearm(int vcpu) => RingOf(vcpu).Rearm();

    private async ValueTask<bool> TryResetAsync(Operation op)
    {
        if (!vm.Users.TryGet(op, out var user)) return false;
        await vm.SlotsLock.AcquireAsync(op);
        await new DirtyRingReset(vm, op).RunAsync(_rings.ToArray());
        vm.Counters.DirtyRingResets++;
        vm.SlotsLock.Release(op);
        vm.Users.Put(op, user);
        return true;
    }

    private DirtyRing RingOf(int vcpu)
    {
        while (_rings.Count <= vcpu)
            _rings.Add(new DirtyRing(vm.LogState, vm.Options.RingEntries, vm.Options.Mutant, (uint)vm.Options.CountersFrom));
        return _rings[vcpu];
    }
}
