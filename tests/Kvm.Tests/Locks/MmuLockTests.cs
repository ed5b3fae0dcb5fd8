using Livebed.Kvm.Locks;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>The two flavours of mmu_lock, and the mutex.</summary>
public sealed class MmuLockTests
{
    private readonly LockTestBed _bed = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Readers_exclude_each_other_under_the_spin_flavour_only(bool spin)
    {
        var mmuLock = new MmuLock(_bed.Domain, "vm-1", spin);
        _bed.Take(() => mmuLock.ReadLockAsync(_bed.Op()));
        var second = _bed.Start(() => mmuLock.ReadLockAsync(_bed.Op()));
        Assert.Equal(!spin, second.IsCompleted);
        Assert.Equal(spin, mmuLock.NeedBreak);
        Assert.Equal(spin, mmuLock.IsHeldForWrite);
    }

    [Fact]
    public void The_spin_flavour_counts_everything_as_write()
    {
        var mmuLock = new MmuLock(_bed.Domain, "vm-1", spin: true);
        var op = _bed.Op();
        _bed.Take(() => mmuLock.ReadLockAsync(op));
        _bed.World.NowMicroseconds = 9;
        mmuLock.ReadUnlock(op);
        Assert.Equal(0, _bed.Domain.StatisticsOf(LockClasses.MmuLock, LockMode.Read).Acquisitions);
        var write = _bed.Domain.StatisticsOf(LockClasses.MmuLock, LockMode.Write);
        Assert.Equal((1, 1, 9), (write.Acquisitions, write.Holds, write.HoldTotal));
    }

    [Fact]
    public void The_rw_flavour_makes_readers_queue_behind_a_writer()
    {
        var mmuLock = new MmuLock(_bed.Domain, "vm-1", spin: false);
        var reader = _bed.Op();
        _bed.Take(() => mmuLock.ReadLockAsync(reader));
        var write = _bed.Start(() => mmuLock.WriteLockAsync(_bed.Op()));
        var late = _bed.Start(() => mmuLock.ReadLockAsync(_bed.Op()));
        mmuLock.ReadUnlock(reader);
        _bed.Pump();
        Assert.True(write.IsCompletedSuccessfully);
        Assert.False(late.IsCompleted);
    }

    [Fact]
    public void A_mutex_serves_in_order_of_asking_and_trying_never_queues()
    {
        var mutex = new KernelMutex(_bed.Domain, LockClasses.SlotsLock, "vm-1");
        var ops = Enumerable.Range(0, 4).Select(_ => _bed.Op()).ToList();
        var served = new List<int>();
        for (var i = 0; i < ops.Count; i++)
        {
            var (op, number) = (ops[i], i);
            _bed.Scheduler.Start(async Task () =>
            {
                await mutex.AcquireAsync(op);
                served.Add(number);
            });
        }

        Assert.False(mutex.TryAcquire(_bed.Op()));
        for (var i = 0; i < ops.Count; i++)
        {
            _bed.Pump();
            mutex.Release(ops[i]);
        }

        Assert.Equal([0, 1, 2, 3], served);
        Assert.False(mutex.IsHeld);
        Assert.True(mutex.TryAcquire(ops[0]));
    }
}
