using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Driver.Running.Nemesis;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Tests.Running;

/// <summary>Which faults a nemesis makes, when, how long and where, is decided by the campaign and its seed.</summary>
public sealed class NemesisPlanTests
{
    private static readonly Dictionary<string, int> _all = Enum.GetValues<NemesisKind>().ToDictionary(KebabCase.Of, _ => 1);

    [Fact]
    public void A_seed_has_one_plan_and_another_seed_another()
    {
        Assert.Equal(Text(Plan(seed: 1)), Text(Plan(seed: 1)));
        Assert.NotEqual(Text(Plan(seed: 1)), Text(Plan(seed: 2)));
    }

    [Fact]
    public void Without_an_interval_there_are_no_faults() => Assert.Empty(Plan(seed: 1, interval: 0));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(77)]
    public void Kinds_come_as_often_as_the_mix_says_before_any_comes_again(long seed)
    {
        var plan = Plan(seed, mix: new() { ["kill"] = 4, ["pause"] = 1, ["cut"] = 2, ["partition"] = 1, ["redis"] = 1 }, count: 9);
        Assert.Equal(
            [(NemesisKind.Kill, 4), (NemesisKind.Pause, 1), (NemesisKind.Cut, 2), (NemesisKind.Partition, 1), (NemesisKind.Redis, 1)],
            plan.GroupBy(fault => fault.Kind).OrderBy(kind => kind.Key).Select(kind => (kind.Key, kind.Count())));
    }

    [Fact]
    public void Faults_follow_each_other_and_end_within_the_run()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var plan = Plan(seed);
            Assert.InRange(plan.Count, 9, 12);
            Assert.All(plan, fault => Assert.InRange(fault.At + fault.Length, TimeSpan.Zero, TimeSpan.FromSeconds(120)));
            Assert.All(plan, fault => Assert.InRange(fault.Length.TotalSeconds, 1.5, 3));
            Assert.Equal(plan.Select(fault => fault.At).Order(), plan.Select(fault => fault.At));
            Assert.All(plan.Zip(plan.Skip(1)), pair => Assert.True(pair.Second.At - pair.First.At >= TimeSpan.FromSeconds(5)));
        }
    }

    /// <summary>Where so many are made as there is time for, the last may come too late.</summary>
    [Fact]
    public void What_is_drawn_too_late_is_left_out_and_named()
    {
        var leftOut = Enumerable.Range(0, 50).Select(seed => NemesisPlan.LeftOut(CampaignOf(seed, interval: 9.9))).ToList();
        Assert.Contains(null, leftOut);
        var hit = leftOut.OfType<LimitHit>().First();
        Assert.Equal("nemesisLeftOut", hit.Limit);
        Assert.Matches(@"left out: [a-z]+ at 1[12]\d\.\d s for \d\.\d s", hit.Message);
    }

    /// <summary>The driver talks through silo-0, and it may have the membership table.</summary>
    [Fact]
    public void The_first_silo_is_neither_killed_nor_stopped_and_each_other_is()
    {
        var plans = Enumerable.Range(0, 50).SelectMany(seed => Plan(seed)).Where(fault => fault.Silo is not null).ToList();
        var (full, struck) = (plans.Where(fault => fault.Kind == NemesisKind.Full), plans.Where(fault => fault.Kind != NemesisKind.Full));
        Assert.Equal([1, 2, 3], struck.Select(fault => fault.Silo!.Value).Distinct().Order());
        Assert.Equal([0, 1, 2, 3], full.Select(fault => fault.Silo!.Value).Distinct().Order());
    }

    [Fact]
    public void A_partition_has_two_groups_and_cuts_every_way_between_them_and_none_within_them()
    {
        var partitions = Enumerable.Range(0, 50)
            .SelectMany(seed => Plan(seed)).Where(fault => fault.Kind == NemesisKind.Partition).ToList();
        Assert.NotEmpty(partitions);
        foreach (var partition in partitions)
        {
            var cut = partition.Cuts.ToHashSet();
            var here = Enumerable.Range(0, 4).Where(silo => silo == 0 || !cut.Contains((0, silo))).ToHashSet();
            Assert.InRange(here.Count, 1, 3);
            for (var from = 0; from < 4; from++)
                for (var to = 0; to < 4; to++)
                    Assert.Equal(here.Contains(from) != here.Contains(to), cut.Contains((from, to)));
        }
    }

    [Fact]
    public void A_cut_is_of_one_link_one_way_or_both_and_a_slow_link_is_slow_both_ways()
    {
        var plans = Enumerable.Range(0, 50).SelectMany(seed => Plan(seed)).ToList();
        Assert.Equal([1, 2], plans.Where(fault => fault.Kind == NemesisKind.Cut).Select(fault => fault.Cuts.Count).Distinct().Order());
        Assert.All(plans.Where(fault => fault.Kind == NemesisKind.Slow), fault => Assert.Equal(2, fault.Cuts.Count));
        Assert.All(plans.SelectMany(fault => fault.Cuts), cut => Assert.NotEqual(cut.From, cut.To));
    }

    private static IReadOnlyList<PlannedFault> Plan(
        long seed, double interval = 10, Dictionary<string, int>? mix = null, int count = 0) =>
        NemesisPlan.Of(CampaignOf(seed, interval, mix, count));

    private static Campaign CampaignOf(long seed, double interval = 10, Dictionary<string, int>? mix = null, int count = 0)
    {
        var nemesis = new NemesisSettings
        {
            Interval = TimeSpan.FromSeconds(interval),
            Count = count,
            Mix = new(mix ?? _all, StringComparer.Ordinal),
        };
        return new Campaign { Seed = seed, Silos = 4, Duration = TimeSpan.FromSeconds(120), Nemesis = nemesis };
    }

    private static string Text(IReadOnlyList<PlannedFault> plan) =>
        string.Join("; ", plan.Select(fault => $"{fault} {string.Join(" ", fault.Cuts)}"));
}
