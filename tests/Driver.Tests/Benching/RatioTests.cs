using System.Text;
using System.Text.Json;
using Livebed.Driver.Benching;
using Livebed.Driver.Errors;
using Livebed.Driver.Tests.Docs;
using Livebed.Driver.Tests.EndToEnd;

namespace Livebed.Driver.Tests.Benching;

/// <summary>`livebed bench`: medians and goals, the JSON and its comparison, refusals, and one benchmark that is real.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class RatioTests
{
    private static readonly RatioRequest _request = new(Rounds: 3, TimeSpan.FromSeconds(1), TimeSpan.Zero);

    [Theory]
    [InlineData(0.5, true)]
    [InlineData(0.51, false)]
    public void A_goal_is_held_against_the_median_of_the_rounds_ratios(double least, bool holds)
    {
        var row = Row("x", new RatioGoal(Least: least), (1, 10), (50, 100), (8, 10));
        Assert.Equal((0.5, 0.1, 0.8), (row.Ratio, row.RatioLeast, row.RatioMost));
        Assert.Equal(holds, row.Holds);
    }

    [Fact]
    public void A_goal_may_be_of_the_measured_side()
    {
        Assert.True(Row("x", new RatioGoal(MeasuredMost: 5), (5, double.NaN)).Holds);
        Assert.False(Row("x", new RatioGoal(MeasuredMost: 5), (6, double.NaN)).Holds);
        Assert.False(Row("x", new RatioGoal(Least: 0.1, MeasuredLeast: 100), (99, 99)).Holds);
    }

    [Fact]
    public void What_is_written_is_read_again_and_every_field_is_documented()
    {
        RatioRow[] rows = [Row("one", new RatioGoal(Least: 0.5), (1, 2), (2, 2)), Row("two", null, (3, double.NaN))];
        var text = RatioJson.Write(_request, rows);
        var read = RatioJson.Read("file", Encoding.UTF8.GetBytes(text));
        Assert.Equal(text, RatioJson.Write(_request, read));
        var documented = Documents.InlineCode("docs/bench.md").ToHashSet(StringComparer.Ordinal);
        using var document = JsonDocument.Parse(text);
        Assert.Equal([], JsonPaths.Of(document.RootElement).Where(path => !documented.Contains(path)).Distinct());
    }

    [Fact]
    public void Figures_differ_where_no_round_of_one_comes_to_a_round_of_the_other()
    {
        var slow = Row("x", null, (1, 10), (2, 10));
        Assert.False(RatioComparison.Differs(slow, Row("x", null, (20, 100), (90, 100))));
        Assert.True(RatioComparison.Differs(slow, Row("x", null, (30, 100), (90, 100))));
        Assert.Equal("x", Assert.Single(RatioComparison.Of([slow, Row("y", null, (1, 1))], [slow])).One.Name);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("""{"figures":[null]}""")]
    [InlineData("no json")]
    public async Task A_file_that_is_no_result_is_refused_in_one_line(string content)
    {
        using var harness = new CommandHarness();
        var file = harness.Folder.Write("a.json", content);
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("bench", "compare", file, file));
        Assert.Contains("allowed: what `bench --json` printed", harness.Error, StringComparison.Ordinal);
        Assert.Equal(harness.Error.Length - 1, harness.Error.IndexOf('\n', StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--rounds 0: ", "--rounds", "0")]
    [InlineData("--window 10ms: ", "--window", "10ms")]
    [InlineData("--warm-up 2h: ", "--warm-up", "2h")]
    public async Task What_is_not_allowed_is_said_before_anything_is_started(string message, params string[] options)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(["bench", "all", .. options]));
        Assert.StartsWith(message, harness.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Faults_are_measured_against_calls()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync("bench", "fault-path", "--rounds", "1", "--window", "100ms", "--warm-up", "0s", "--json");
        var rows = RatioJson.Read("out", Encoding.UTF8.GetBytes(harness.Out));
        Assert.Equal(6, rows.Count);
        Assert.All(rows, row => Assert.True(row.Measured > 0 && row.Against > 0, row.Name));
    }

    [Fact]
    public async Task Tracing_is_measured_in_processor_time_of_ranges_and_of_faults()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync("bench", "tracing", "--rounds", "1", "--window", "100ms", "--warm-up", "0s", "--json");
        var rows = RatioJson.Read("out", Encoding.UTF8.GetBytes(harness.Out));
        Assert.Equal(["tracing-default", "tracing-faults", "tracing-full"], rows.Select(row => row.Name));
        Assert.All(rows, row => Assert.True(row.Measured > 0 && row.Against > 0, row.Name));
    }

    [Fact]
    public async Task Migrations_are_measured_against_raw_TCP_but_for_the_first()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync("bench", "page-transfer", "--rounds", "2", "--window", "50ms", "--json");
        var row = Assert.Single(RatioJson.Read("out", Encoding.UTF8.GetBytes(harness.Out)));
        Assert.Equal(("page-transfer", 2, 3.0), (row.Name, row.Rounds.Count, row.Goal!.Most));
        Assert.All(row.Rounds, round => Assert.True(round.Measured > 0 && round.Against > 0));
    }

    private static RatioRow Row(string name, RatioGoal? goal, params (double Measured, double Against)[] rounds) =>
        new(name, "calls/s", [.. rounds.Select(round => new RatioRound(round.Measured, round.Against))], goal);
}
