using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>The hazards of kvm-protocol 5.1 show as potential cycles although nothing hung; what cannot hang does not.</summary>
public sealed class LockOrderGraphTests
{
    private readonly LockTestBed _bed = new();

    [Fact]
    public void Slots_lock_inside_an_srcu_section_closes_a_cycle_with_the_updater_that_synchronizes()
    {
        var slotsLock = new KernelMutex(_bed.Domain, LockClasses.SlotsLock, "vm-1");
        var srcu = new Srcu(_bed.Domain, LockClasses.KvmSrcu, "vm-1");
        var (updater, vcpu) = (_bed.Op(OperationKind.MemslotDelete), _bed.Op());
        _bed.Take(() => slotsLock.AcquireAsync(updater));
        _bed.Take(() => srcu.SynchronizeAsync(updater));
        slotsLock.Release(updater);
        Assert.Empty(_bed.Domain.Order.PotentialCycles());

        srcu.ReadLock(vcpu);
        _bed.Take(() => slotsLock.AcquireAsync(vcpu));
        var cycle = Assert.Single(_bed.Domain.Order.PotentialCycles());
        Assert.Equal("slots_lock -> kvm_srcu -> slots_lock", cycle.ToString());
        Assert.Equal(
            ["MemslotDelete holds slots_lock (w) and asks for kvm_srcu (w)", "Fault holds kvm_srcu (r) and asks for slots_lock (w)"],
            cycle.Chains);
    }

    [Fact]
    public void Slots_arch_lock_across_synchronize_srcu_closes_a_cycle_with_a_vcpu_that_takes_it_inside()
    {
        var archLock = new KernelMutex(_bed.Domain, LockClasses.SlotsArchLock, "vm-1");
        var srcu = new Srcu(_bed.Domain, LockClasses.KvmSrcu, "vm-1");
        var (updater, vcpu) = (_bed.Op(), _bed.Op());
        srcu.ReadLock(vcpu);
        _bed.Take(() => archLock.AcquireAsync(vcpu));
        archLock.Release(vcpu);
        _bed.Take(() => archLock.AcquireAsync(updater));
        Assert.Empty(_bed.Domain.Order.PotentialCycles());
        _bed.Start(() => srcu.SynchronizeAsync(updater));
        Assert.Equal("slots_arch_lock -> kvm_srcu -> slots_arch_lock", Assert.Single(_bed.Domain.Order.PotentialCycles()).ToString());
    }

    [Fact]
    public void A_notifier_that_takes_slots_lock_closes_a_cycle_with_the_updater_that_waits_for_it()
    {
        var slotsLock = new KernelMutex(_bed.Domain, LockClasses.SlotsLock, "vm-1");
        var rwsem = _bed.Rwsem(fair: false);
        var (updater, range) = (_bed.Op(), _bed.Op());
        _bed.Take(() => slotsLock.AcquireAsync(updater));
        _bed.Take(() => rwsem.DownWriteAsync(updater));
        rwsem.UpWrite(updater);
        slotsLock.Release(updater);
        _bed.Take(() => rwsem.DownReadAsync(range));
        _bed.Take(() => slotsLock.AcquireAsync(range));
        Assert.Single(_bed.Domain.Order.PotentialCycles());
    }

    [Theory]
    [InlineData(true, true, 1)]
    [InlineData(true, false, 0)]
    [InlineData(false, true, 0)]
    public void Nested_reads_are_a_cycle_only_if_fair_and_if_anybody_writes(bool fair, bool anybodyWrites, int cycles)
    {
        var rwsem = _bed.Rwsem(fair);
        var (updater, nested) = (_bed.Op(), _bed.Op());
        if (anybodyWrites)
        {
            // The writer holds nothing else: it makes no edge, yet the readers queue behind it.
            _bed.Take(() => rwsem.DownWriteAsync(updater));
            rwsem.UpWrite(updater);
        }

        _bed.Take(() => rwsem.DownReadAsync(nested));
        _bed.Take(() => rwsem.DownReadAsync(nested));
        Assert.Equal(cycles, _bed.Domain.Order.PotentialCycles().Count);
    }

    [Fact]
    public void The_same_class_of_two_vms_makes_no_edge()
    {
        var op = _bed.Op();
        _bed.Take(() => new MmuLock(_bed.Domain, "vm-1", spin: false).WriteLockAsync(op));
        _bed.Take(() => new MmuLock(_bed.Domain, "vm-2", spin: false).WriteLockAsync(op));
        Assert.Empty(_bed.Domain.Order.Edges);
    }

    [Fact]
    public void A_nested_hold_still_makes_edges_after_its_inner_release()
    {
        var rwsem = _bed.Rwsem();
        var op = _bed.Op();
        _bed.Take(() => rwsem.DownReadAsync(op));
        _bed.Take(() => rwsem.DownReadAsync(op));
        rwsem.UpRead(op);
        _bed.Take(() => new MmuLock(_bed.Domain, "vm-1", spin: false).WriteLockAsync(op));
        Assert.Contains(
            new LockOrderGraph.Edge(LockClasses.NotifierSlotsLock, LockMode.Read, LockClasses.MmuLock, LockMode.Write),
            _bed.Domain.Order.Edges.Keys);
    }

    [Fact]
    public void Halves_of_a_cycle_seen_by_two_actors_are_a_cycle_when_merged()
    {
        var (left, right) = (new LockTestBed(), new LockTestBed());
        Ask(left, LockClasses.MmapLock, LockClasses.SlotsLock);
        Ask(right, LockClasses.SlotsLock, LockClasses.MmapLock);
        var merged = new LockOrderGraph();
        merged.Merge(left.Domain.Order);
        Assert.Empty(merged.PotentialCycles());
        merged.Merge(right.Domain.Order);
        Assert.Equal("mmap_lock -> slots_lock -> mmap_lock", Assert.Single(merged.PotentialCycles()).ToString());
    }

    [Fact]
    public void Merging_keeps_who_was_written()
    {
        var (nested, writer) = (new LockTestBed(), new LockTestBed());
        var (semaphore, op) = (nested.Rwsem(), nested.Op());
        nested.Take(() => semaphore.DownReadAsync(op));
        nested.Take(() => semaphore.DownReadAsync(op));
        writer.Take(() => writer.Rwsem().DownWriteAsync(writer.Op()));
        var merged = new LockOrderGraph();
        merged.Merge(nested.Domain.Order);
        Assert.Empty(merged.PotentialCycles());
        merged.Merge(writer.Domain.Order);
        Assert.Single(merged.PotentialCycles());
    }

    [Fact]
    public void A_cycle_over_three_classes_is_reported_once()
    {
        Ask(_bed, LockClasses.MmapLock, LockClasses.FolioLock);
        Ask(_bed, LockClasses.FolioLock, LockClasses.SlotsLock);
        Ask(_bed, LockClasses.SlotsLock, LockClasses.MmapLock);
        Assert.Equal("mmap_lock -> folio_lock -> slots_lock -> mmap_lock", Assert.Single(_bed.Domain.Order.PotentialCycles()).ToString());
    }

    private static void Ask(LockTestBed bed, LockClass held, LockClass asked)
    {
        var op = bed.Op();
        bed.Take(() => new KernelMutex(bed.Domain, held, "x").AcquireAsync(op));
        bed.Take(() => new KernelMutex(bed.Domain, asked, "x").AcquireAsync(op));
    }
}
