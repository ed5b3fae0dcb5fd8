using System.Text.Json;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.Exploring;

public sealed class ReplayCommandTests
{
    private const string File = "r.json";

    [Fact]
    public async Task A_replay_shows_the_same_witness_and_says_that_it_is_the_same()
    {
        using var harness = await FoundAsync();
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync("replay", File));
        string[] parts = [
            "VIOLATES S2", "verdict: invalid", "every step is the one that was written down", "violates what the file says: S2",
        ];
        Assert.All(parts, part => Assert.Contains(part, harness.Out, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Until_stops_there_and_shows_where_every_lane_stands()
    {
        using var harness = await FoundAsync();
        var found = harness.Out.Length;
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("replay", File, "--from", "2", "--until", "10"));
        var text = harness.Out[found..];
        Assert.Contains("after step 10:\n", text, StringComparison.Ordinal);
        Assert.Contains("  mm: ready at ", text, StringComparison.Ordinal);
        Assert.Contains("holds mm_users (read)", text, StringComparison.Ordinal);
        Assert.DoesNotContain("begins: dont-need", text, StringComparison.Ordinal);
        Assert.DoesNotContain("verdict", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_says_whether_it_was_the_same_schedule()
    {
        using var harness = await FoundAsync("--json");
        var found = harness.Out.Length;
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync("replay", File, "--json"));
        using var document = JsonDocument.Parse(harness.Out[found..]);
        Assert.True(document.RootElement.GetProperty("logHashMatches").GetBoolean());
        Assert.True(document.RootElement.GetProperty("violatesTheSame").GetBoolean());
        Assert.Equal("S2", document.RootElement.GetProperty("violations")[0].GetProperty("invariant").GetString());
    }

    [Fact]
    public async Task Another_hash_or_another_invariant_is_no_repeat_and_unknown()
    {
        using var harness = await FoundAsync();
        var text = System.IO.File.ReadAllText(harness.Folder.PathOf(File));
        var hash = System.Text.RegularExpressions.Regex.Match(text, "(?<=\"logHash\": \")[0-9a-f]{16}").Value;
        Edit(harness, hash, "0123456789abcdef");
        Assert.Equal(ExitCodes.Unknown, await harness.RunAsync("replay", File));
        Assert.Contains("NOT the schedule that was written down", harness.Out, StringComparison.Ordinal);

        using var other = await FoundAsync();
        Edit(other, "\"S2\"", "\"S1\"");
        Assert.Equal(ExitCodes.Unknown, await other.RunAsync("replay", File));
        Assert.Contains("violates S2; the file says S1", other.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_defect_the_schedule_diverges_or_breaks_nothing_and_exits_with_2()
    {
        using var harness = await FoundAsync();
        Edit(harness, "no-retry-check", "none");
        Assert.Equal(ExitCodes.Unknown, await harness.RunAsync("replay", File));
    }

    [Fact]
    public async Task A_divergence_is_one_line_on_standard_error()
    {
        using var harness = await FoundAsync();
        Edit(harness, "\"schedule\": [", "\"schedule\": [\n    \"no-lane: 1\",");
        Assert.Equal(ExitCodes.Unknown, await harness.RunAsync("replay", File));
        Assert.StartsWith(
            "r.json: the schedule cannot be followed: step 1: no-lane is to run and cannot", harness.Error, StringComparison.Ordinal);
        Assert.Equal(1, harness.Error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("\"fault-vs-invalidate\"", "\"nope\"", "r.json: scenario: 'nope' is unknown; allowed: fault-vs-invalidate")]
    [InlineData("\"active-count\"", "\"nope\"", "r.json: protocol: 'nope' is unknown; allowed: unconditional")]
    [InlineData("\"no-retry-check\"", "\"nope\"", "r.json: mutant: 'nope' is unknown; allowed: none")]
    [InlineData("\"vcpus\"", "\"cpus\"", "r.json: parameters: fault-vs-invalidate has no 'cpus'; allowed: vcpus, ranges")]
    [InlineData("\"version\": 1", "\"version\": 99", "r.json: a replay of version 99")]
    [InlineData("\"seed\"", "\"seeds\"", "r.json:")]
    public async Task What_a_file_names_wrongly_is_said_in_one_line(string text, string replacement, string expected)
    {
        using var harness = await FoundAsync();
        Edit(harness, text, replacement);
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("replay", File));
        Assert.StartsWith(expected, harness.Error, StringComparison.Ordinal);
        Assert.Equal(1, harness.Error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("none.json: there is no such file", "none.json")]
    [InlineData("--from 0: 0 is out of range; allowed: 1 to", File, "--from", "0")]
    [InlineData("--from 5: is after --until 4; allowed: 1 to 4", File, "--from", "5", "--until", "4")]
    public async Task Bad_input_is_one_line(string expected, params string[] arguments)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(["replay", .. arguments]));
        Assert.StartsWith(expected, harness.Error, StringComparison.Ordinal);
    }

    private static async Task<CommandHarness> FoundAsync(params string[] options)
    {
        var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync([
            "explore", "fault-vs-invalidate", "--mutant", "no-retry-check", "--seed", "1", "--schedules", "100", "--replay-file", File,
            .. options]));
        return harness;
    }

    private static void Edit(CommandHarness harness, string text, string replacement)
    {
        var path = harness.Folder.PathOf(File);
        var content = System.IO.File.ReadAllText(path);
        Assert.Contains(text, content, StringComparison.Ordinal);
        System.IO.File.WriteAllText(path, content.Replace(text, replacement, StringComparison.Ordinal));
    }
}
