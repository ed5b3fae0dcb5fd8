using CsCheck;
using Livebed.Kvm.Locks;

namespace Livebed.Kvm.Tests.Locks;

public sealed class LockStatisticsTests
{
    [Fact]
    public void Statistics_of_two_actors_add_up_to_those_of_one_that_saw_it_all()
    {
        var times = Gen.Long[0, 1000].Array[0, 8];
        Gen.Select(times, times, times, times).Sample((waitsA, holdsA, waitsB, holdsB) =>
        {
            var sum = Record(waitsA, holdsA);
            sum.Add(Record(waitsB, holdsB));
            Assert.Equivalent(Record([.. waitsA, .. waitsB], [.. holdsA, .. holdsB]), sum, strict: true);
        });
    }

    [Fact]
    public void Averages_are_of_the_waits_and_holds_that_happened()
    {
        Assert.Equal((0, 0), (new LockStatistics().WaitAvg, new LockStatistics().HoldAvg));
        var statistics = Record([10, 20], [3]);
        Assert.Equal((15, 3, 10, 20), (statistics.WaitAvg, statistics.HoldAvg, statistics.WaitMin, statistics.WaitMax));
    }

    /// <summary>As <c>lock_contended</c> and <c>lock_acquired</c> count them: a lock has the CPU that took it last.</summary>
    [Fact]
    public void A_lock_bounces_when_another_CPU_waits_for_it_or_takes_it()
    {
        var bed = new LockTestBed();
        var mutex = new KernelMutex(bed.Domain, LockClasses.MmapLock, "mm-1");
        var (first, second, third) = (bed.Op(), bed.Op(), bed.Op());
        bed.World.Cpu = 1;
        bed.Take(() => mutex.AcquireAsync(first));
        bed.World.Cpu = 2;
        var waits = bed.Start(() => mutex.AcquireAsync(second));
        Assert.Equal((1, 1), Bounces());

        bed.World.Cpu = 1;
        mutex.Release(first);
        bed.World.Cpu = 2;
        bed.Pump();
        Assert.True(waits.IsCompletedSuccessfully);
        Assert.Equal((2, 1), Bounces());

        mutex.Release(second);
        bed.Take(() => mutex.AcquireAsync(third));
        Assert.Equal((2, 1), Bounces());

        (long, long) Bounces()
        {
            var row = bed.Domain.StatisticsOf(LockClasses.MmapLock, LockMode.Write);
            return (row.AcquisitionBounces, row.ContentionBounces);
        }
    }

    private static LockStatistics Record(long[] waits, long[] holds)
    {
        var statistics = new LockStatistics { Acquisitions = holds.Length };
        foreach (var wait in waits) statistics.AddWait(wait);
        foreach (var hold in holds) statistics.AddHold(hold);
        return statistics;
    }
}
