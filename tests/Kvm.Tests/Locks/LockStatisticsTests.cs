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

    private static LockStatistics Record(long[] waits, long[] holds)
    {
        var statistics = new LockStatistics { Acquisitions = holds.Length };
        foreach (var wait in waits) statistics.AddWait(wait);
        foreach (var hold in holds) statistics.AddHold(hold);
        return statistics;
    }
}
