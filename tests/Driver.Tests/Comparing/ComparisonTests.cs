using CsCheck;
using Livebed.Driver.Comparing;
using Livebed.Driver.Results;
using Livebed.Driver.Tests.Results;

namespace Livebed.Driver.Tests.Comparing;

/// <summary>What a comparison says of figures: medians with intervals, and no difference that chance makes.</summary>
public sealed class ComparisonTests
{
    private static readonly Dictionary<string, string> _campaign = new() { ["protocol"] = "rwsem", ["seed"] = "1" };

    [Theory]
    [InlineData(new double[] { 7 }, 7, 7, 7, 0)]
    [InlineData(new double[] { 3, 1, 2 }, 2, 1, 3, 0.75)]
    [InlineData(new double[] { 5, 4, 1, 3, 2 }, 3, 1, 5, 0.9375)]
    [InlineData(new double[] { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 5, 2, 8, 0.9609)]
    public void The_interval_of_a_median_goes_from_value_to_value_and_says_what_it_is_worth(
        double[] values, double median, double low, double high, double level) =>
        Assert.Equal(new MedianInterval(median, low, high, level), MedianInterval.Of(values));

    [Fact]
    public void The_true_median_lies_in_the_interval_as_often_as_it_says()
    {
        var random = new Random(1);
        var (runs, hits) = (4_000, 0);
        for (var run = 0; run < runs; run++)
        {
            var interval = MedianInterval.Of([.. Enumerable.Range(0, 9).Select(_ => Math.Pow(random.NextDouble(), 3))]);
            if (interval.Low <= 0.125 && interval.High >= 0.125) hits++;
        }

        Assert.InRange((double)hits / runs, 0.95, 0.97);
    }

    [Fact]
    public void Groups_that_are_wholly_apart_differ_from_five_runs_on_and_fewer_cannot_tell()
    {
        var five = GroupFigure.Of([6, 7, 8, 9, 10], [1, 2, 3, 4, 5]);
        Assert.Equal((true, 0.007937), (five.Differs, five.PValue));
        Assert.Null(GroupFigure.Of([6, 7, 8, 9], [1, 2, 3, 4]).Differs);
        Assert.False(GroupFigure.Of([6, 7, 8, 9, 2], [1, 2, 3, 4, 5]).Differs);

        // Equal values tell nothing.
        Assert.Equal((false, 1), (GroupFigure.Of([5, 5, 5, 5, 5], [5, 5, 5, 5, 5]).Differs, GroupFigure.Of([5, 5], [5, 5]).PValue));
        Assert.False(GroupFigure.Of([5, 6, 7, 8, 9], [1, 2, 3, 4, 5]).Differs);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(3, 4)]
    [InlineData(5, 5)]
    public void The_chance_is_the_part_of_all_orders_that_are_at_least_as_uneven(int n, int m)
    {
        var orders = Enumerable.Range(0, 1 << (n + m)).Where(bits => int.PopCount(bits) == n).ToList();
        int Wins(int bits)
        {
            var wins = 0;
            for (var i = 0; i < n + m; i++)
                if ((bits >> i & 1) == 1) wins += i - int.PopCount(bits & ((1 << i) - 1));
            return wins;
        }

        foreach (var order in orders)
        {
            double[] Values(int which) => [.. Enumerable.Range(0, n + m).Where(i => (order >> i & 1) == which).Select(i => (double)i)];
            var least = Math.Min(Wins(order), n * m - Wins(order));
            var asUneven = orders.Count(other => Wins(other) <= least);
            Assert.Equal(Math.Min(1, 2.0 * asUneven / orders.Count), RankTest.PValue(Values(1), Values(0)), 9);
        }
    }

    [Fact]
    public void Of_groups_that_chance_made_one_in_a_hundred_differs_at_most()
    {
        var random = new Random(2);
        double[] Draw() => [.. Enumerable.Range(0, 6).Select(_ => random.NextDouble())];
        var marked = Enumerable.Range(0, 5_000).Count(_ => GroupFigure.Of(Draw(), Draw()).Differs == true);
        Assert.InRange(marked, 10, 60);
    }

    [Fact]
    public void A_group_says_what_it_broke_and_in_how_many_runs()
    {
        var valid = SampleResults.All with { Verdict = VerdictKind.Valid, Violations = [], Hangs = [], Leaks = new() };
        var comparison = Comparison.Of([Group("a", valid, valid), Group("b", SampleResults.All, valid)]);
        Assert.Empty(comparison.Groups[0].Broke);
        Assert.Equal(new Dictionary<string, int> { ["S1"] = 1, ["deadlock"] = 1 },
            comparison.Groups[1].Broke.Where(entry => !entry.Key.StartsWith("left", StringComparison.Ordinal)).ToDictionary());
        Assert.Equal(new Dictionary<string, int> { ["invalid"] = 1, ["valid"] = 1 }, comparison.Groups[1].Verdicts);
        Assert.Equal(
            ["deliveredShare", "accesses.perSecond", "faults.perSecond"], comparison.Figures.Take(3).Select(figure => figure.Name));
        Assert.Equal(2, comparison.Figures.Single(figure => figure.Name == "latency.unmap.p99").Groups[1].Values.Count);
    }

    [Fact]
    public void A_figure_that_a_group_has_not_is_no_zero()
    {
        var without = SampleResults.All with { LatencyMicroseconds = new Dictionary<string, LatencySummary>() };
        var comparison = Comparison.Of([Group("a", SampleResults.All), Group("b", without)]);
        var figure = comparison.Figures.Single(one => one.Name == "latency.unmap.p50");
        Assert.Equal((120, null), (figure.Groups[0].Interval?.Median, figure.Groups[1].Interval?.Median));
    }

    private static RunGroup Group(string name, params RunResults[] runs) =>
        new(name, [.. runs.Select((results, i) => new ComparedRun($"{name}/{i}", results, _campaign))]);
}
