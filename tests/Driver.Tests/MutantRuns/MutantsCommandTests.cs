using System.Text.Json;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.MutantRuns;

/// <summary>`livebed mutants`: verdict, table, JSON and refusals.</summary>
public sealed class MutantsCommandTests
{
    private static readonly string[] _two = ["mutants", "--only", "no-retry-check", "--only", "snapshot-after-lookup", "--seeds", "3"];

    [Fact]
    public async Task Mutants_that_are_caught_in_every_seed_are_valid_and_have_a_line_each()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync(_two));
        var lines = harness.Out.Split('\n').Where(line => line.StartsWith("ok  ", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, lines.Count);
        Assert.Contains("no-retry-check         caught by S2; schedules: median ", lines[0], StringComparison.Ordinal);
        Assert.Contains("2 of 2 mutants caught in every seed", harness.Out, StringComparison.Ordinal);
        Assert.All(lines, line => Assert.Matches("missed 0 of 3, case met [0-3]/3 ", line));
    }

    [Fact]
    public async Task A_mutant_that_some_seed_does_not_catch_in_time_is_invalid_and_named()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync([.. _two, "--budget", "1ms"]));
        Assert.Contains("not caught in", harness.Out, StringComparison.Ordinal);
        Assert.Contains("verdict: invalid", harness.Out, StringComparison.Ordinal);

        // A fast machine catches this one within a millisecond, which lets one schedule begin at least.
        if (!harness.Out.Contains("ok  no-retry-check", StringComparison.Ordinal))
            Assert.Matches("never met fault-retried with seed [1-3](, [1-3])*: a fault began again", harness.Out);
    }

    [Theory]
    [InlineData(80, false)]
    [InlineData(200, true)]
    public async Task The_table_fits_the_terminal_and_uses_a_wide_one_for_the_stories(int columns, bool hasStories)
    {
        using var harness = new CommandHarness(isTerminal: true, columns: columns);
        // Too short to catch anything: every mutant has its row all the same.
        await harness.RunAsync("mutants", "--seeds", "1", "--budget", "1ms");
        var table = harness.Out.Split('\n').SkipWhile(line => !line.Contains("caught by", StringComparison.Ordinal))
            .TakeWhile(line => !line.Contains("not caught in", StringComparison.Ordinal)).ToList();
        Assert.All(table, line => Assert.InRange(line.TrimEnd().Length, 0, columns));
        foreach (var entry in Livebed.Kvm.Checks.Mutant.All)
        {
            var row = Assert.Single(table, line => line.TrimStart().StartsWith(entry.Name + " ", StringComparison.Ordinal));
            Assert.Equal(hasStories, row.Contains(entry.Story[..20], StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Json_has_the_median_over_the_seeds_and_a_command_for_each_catch()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync([.. _two, "--json"]));
        var json = JsonDocument.Parse(harness.Out).RootElement;
        Assert.Equal("valid", json.GetProperty("verdict").GetString());
        foreach (var mutant in json.GetProperty("mutants").EnumerateArray())
        {
            Assert.True(mutant.GetProperty("good").GetBoolean());
            Assert.True(mutant.GetProperty("medianSchedules").GetInt64() > 0);
            Assert.Equal(3, mutant.GetProperty("searches").GetArrayLength());
            var need = Assert.Single(mutant.GetProperty("needs").EnumerateArray());
            Assert.Equal("fault-retried", need.GetProperty("case").GetString());
            Assert.InRange(need.GetProperty("whenCaught").GetInt32(), 0, need.GetProperty("searches").GetInt32());
            Assert.All(
                mutant.GetProperty("searches").EnumerateArray(),
                search => Assert.InRange(search.GetProperty("neverMet").GetArrayLength(), 0, 1));
            var command = mutant.GetProperty("searches")[0].GetProperty("caught").GetProperty("command").GetString()!;
            using var again = new CommandHarness();
            Assert.Equal(
                ExitCodes.Invalid, await again.RunAsync(command[(command.IndexOf(" -- ", StringComparison.Ordinal) + 4)..].Split(' ')));
        }
    }

    [Theory]
    [InlineData("--only", "nothing")]
    [InlineData("--seeds", "0")]
    [InlineData("--budget", "long")]
    public async Task What_cannot_be_is_refused_with_what_can(string option, string value)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("mutants", option, value));
        Assert.StartsWith($"{option} {value}: ", harness.Error, StringComparison.Ordinal);
        Assert.Contains("allowed: ", harness.Error, StringComparison.Ordinal);
    }
}
