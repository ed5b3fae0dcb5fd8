using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>kvm-protocol 5.1, hazard 7: the holder of a spin lock must not sleep.</summary>
public sealed class AtomicSleepTests
{
    private readonly LockTestBed _bed = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Asking_for_a_sleeping_lock_under_mmu_lock_is_a_violation_even_if_it_is_free(bool spin)
    {
        var op = _bed.Op(OperationKind.DirtyLogGet);
        var mmuLock = new MmuLock(_bed.Domain, "vm-1", spin);
        _bed.Take(() => mmuLock.ReadLockAsync(op));
        _bed.Take(() => new KernelMutex(_bed.Domain, LockClasses.SlotsLock, "vm-1").AcquireAsync(op));
        var violation = Assert.Single(_bed.World.Violations);
        Assert.Equal(Invariants.AtomicSleep, violation.Invariant);
        Assert.Equal(
            "op 0.1 (DirtyLogGet) asks for slots_lock of vm-1 while it holds mmu_lock, under which the kernel cannot sleep",
            violation.Message);
        Assert.Equal([op.Id], violation.Operations);
    }

    [Fact]
    public void Synchronize_srcu_and_rcuwait_sleep_too()
    {
        var op = _bed.Op();
        _bed.Take(() => new KernelMutex(_bed.Domain, LockClasses.MnInvalidateLock, "vm-1").AcquireAsync(op));
        _bed.Take(() => new Srcu(_bed.Domain, LockClasses.KvmSrcu, "vm-1").SynchronizeAsync(op));
        var rcuwait = new RcuWait(_bed.Domain, LockClasses.MnMemslotsUpdateRcuwait, "vm-1", () => []);
        rcuwait.Prepare(op);
        _bed.Start(rcuwait.SleepAsync);
        Assert.Equal(2, _bed.World.Violations.Count);
    }

    [Fact]
    public void A_spin_lock_or_an_srcu_section_under_a_spin_lock_is_no_violation()
    {
        var op = _bed.Op();
        _bed.Take(() => new KernelMutex(_bed.Domain, LockClasses.MnInvalidateLock, "vm-1").AcquireAsync(op));
        _bed.Take(() => new MmuLock(_bed.Domain, "vm-1", spin: false).WriteLockAsync(op));
        new Srcu(_bed.Domain, LockClasses.KvmSrcu, "vm-1").ReadLock(op);
        Assert.Empty(_bed.World.Violations);
    }

    [Fact]
    public void After_the_spin_lock_is_released_sleeping_is_allowed_again()
    {
        var op = _bed.Op();
        var mmuLock = new MmuLock(_bed.Domain, "vm-1", spin: false);
        _bed.Take(() => mmuLock.WriteLockAsync(op));
        mmuLock.WriteUnlock(op);
        _bed.Take(() => new KernelMutex(_bed.Domain, LockClasses.SlotsLock, "vm-1").AcquireAsync(op));
        _bed.Domain.AssertMaySleep(op, "waits");
        Assert.Empty(_bed.World.Violations);
    }
}
