using System.Text.Json;
using System.Text.RegularExpressions;
using Livebed.Driver.Errors;
using Livebed.Explorer.Replays;

namespace Livebed.Driver.Tests.Exploring;

public sealed partial class ExploreCommandTests
{
    private const string Usual = "fault-vs-invalidate-active-count-1.replay.json";
    private static readonly string[] _broken = ["explore", "fault-vs-invalidate", "--mutant", "no-retry-check", "--seed", "1",
        "--schedules", "100"];

    [Fact]
    public async Task A_defect_is_found_and_exits_with_1_and_leaves_a_replay_file()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync(_broken));
        string[] parts = [
            "verdict: invalid", "no page of an open range is mapped", "vcpu-0: VIOLATES S2", "S2 says: no SPTE is created",
            "mutant no-retry-check, random, seed 1",
        ];
        Assert.All(parts, part => Assert.Contains(part, harness.Out, StringComparison.Ordinal));
        var replay = ReplayFile.Read(harness.Folder.PathOf(Usual));
        Assert.Equal(("fault-vs-invalidate", "active-count", "no-retry-check"), (replay.Scenario, replay.Protocol, replay.Mutant));
        Assert.Equal([harness.Folder.PathOf(Usual)], Directory.GetFiles(harness.Folder.FullPath));
        Assert.Equal("", harness.Error);
    }

    [Fact]
    public async Task The_printed_commands_find_it_again()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync(_broken);
        foreach (var label in (string[])["replay with", "search again"])
        {
            using var again = new CommandHarness();
            File.Copy(harness.Folder.PathOf(Usual), again.Folder.PathOf(Usual));
            var line = Assert.Single(harness.Out.Split('\n'), line => line.StartsWith(label, StringComparison.Ordinal));
            Assert.Equal(ExitCodes.Invalid, await again.RunAsync(line[(line.IndexOf("-- ", StringComparison.Ordinal) + 3)..].Split(' ')));
            Assert.Contains("VIOLATES S2", again.Out, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Without_a_defect_the_search_is_valid_and_dfs_exhausts_it()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("explore", "fault-vs-invalidate", "--strategy", "dfs", "--preemptions", "1"));
        Assert.Contains("verdict: valid", harness.Out, StringComparison.Ordinal);
        Assert.Contains("exhaustive: all interleavings with at most 1 preemptions", harness.Out, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(harness.Folder.FullPath));
    }

    [Fact]
    public async Task Every_scenario_is_searched_when_none_is_named()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync("explore", "--schedules", "2", "--seed", "1");
        Assert.All(
            Livebed.Explorer.Scenarios.ScenarioCatalog.All,
            scenario => Assert.Contains(scenario.Claim, harness.Out, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Json_is_one_object_with_the_finding()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync([.. _broken, "--json", "--replay-file", "r.json"]));
        using var document = JsonDocument.Parse(harness.Out);
        var root = document.RootElement;
        Assert.Equal("invalid", root.GetProperty("verdict").GetString());
        Assert.False(root.GetProperty("interrupted").GetBoolean());
        var scenario = Assert.Single(root.GetProperty("scenarios").EnumerateArray());
        Assert.Equal(1, scenario.GetProperty("parameters").GetProperty("vcpus").GetInt32());
        Assert.Equal(JsonValueKind.Null, scenario.GetProperty("worst").ValueKind);
        var finding = scenario.GetProperty("finding");
        Assert.Equal("r.json", finding.GetProperty("replayFile").GetString());
        Assert.Equal("S2", finding.GetProperty("violations")[0].GetProperty("invariant").GetString());
        Assert.Contains(finding.GetProperty("witness").EnumerateArray(), entry => entry.GetProperty("kind").GetString() == "violation");
        Assert.True(File.Exists(harness.Folder.PathOf("r.json")));
    }

    [Fact]
    public async Task Playing_a_seed_twice_is_the_same()
    {
        using var harness = new CommandHarness();
        Assert.Equal(
            ExitCodes.Valid,
            await harness.RunAsync("explore", "fault-vs-invalidate", "--check-determinism", "--schedules", "5", "--seed", "9"));
        Assert.StartsWith("deterministic: 5 schedules played twice", harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_interrupted_search_prints_what_there_is_and_exits_with_130()
    {
        using var harness = new CommandHarness();
        harness.Interrupts.Signal();
        await WaitFor(harness.Interrupts.Token);
        Assert.Equal(ExitCodes.Interrupted, await harness.RunAsync("explore", "fault-vs-invalidate"));
        Assert.Contains("verdict: unknown", harness.Out, StringComparison.Ordinal);
        Assert.Contains("nothing was played", harness.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public async Task On_a_terminal_lanes_are_columns_and_no_line_is_wider_than_it(int columns)
    {
        using var harness = new CommandHarness(isTerminal: true, columns: columns);
        await harness.RunAsync(_broken);
        var lines = LinesOnScreen(harness);
        Assert.All(lines, line => Assert.True(line.Length <= columns, line));
        Assert.Contains(
            lines,
            line =>
                line.Contains("mm", StringComparison.Ordinal) && line.Contains("vcpu-0", StringComparison.Ordinal)
                    && line.TrimStart().StartsWith("step", StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_more_lanes_than_fit_each_event_is_a_line()
    {
        using var harness = new CommandHarness(isTerminal: true, columns: 80);
        await harness.RunAsync([.. _broken, "--set", "vcpus=4"]);
        var lines = LinesOnScreen(harness);
        Assert.All(lines, line => Assert.True(line.Length <= 80, line));
        Assert.Contains(lines, line => line.Contains("mm:     begins: dont-need page 0", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("explore nope: there is no such scenario; allowed: fault-vs-invalidate", "explore", "nope")]
    [InlineData("--protocol nope: 'nope' is unknown; allowed: unconditional", "explore", "--protocol", "nope")]
    [InlineData("--protocol mine: {folder}/mine.dll: there is no such file; allowed: a .NET assembly with a protocol in it",
        "explore", "--protocol", "mine", "--protocol-assembly", "mine.dll")]
    [InlineData("--mutant nope: 'nope' is unknown; allowed: none, no-reset-at-destroy", "explore", "--mutant", "nope")]
    [InlineData("--strategy nope: 'nope' is unknown; allowed: random, pct, dfs", "explore", "--strategy", "nope")]
    [InlineData("--depth 3: means nothing to this strategy; allowed: with --strategy pct", "explore", "--depth", "3")]
    [InlineData("--preemptions 3: means nothing to this strategy; allowed: with --strategy dfs", "explore", "--preemptions", "3")]
    [InlineData("--depth 0: 0 is out of range; allowed: 1 to 100", "explore", "--strategy", "pct", "--depth", "0")]
    [InlineData("--schedules 0: 0 is out of range; allowed: 1 to", "explore", "--schedules", "0")]
    [InlineData("--budget 3: '3' is not a duration; allowed: 1ms to 24h", "explore", "--budget", "3")]
    [InlineData("--seed x: 'x' is not a whole number; allowed: 0 to", "explore", "--seed", "x")]
    [InlineData("--set vcpus=2: which scenario's?", "explore", "--set", "vcpus=2")]
    [InlineData("--set vcpus: is no setting; allowed: --set name=value", "explore", "fault-vs-invalidate", "--set", "vcpus")]
    [InlineData("--set cpus=2: fault-vs-invalidate has no 'cpus'; allowed: vcpus, ranges",
        "explore", "fault-vs-invalidate", "--set", "cpus=2")]
    [InlineData("--set vcpus=9: 9 is out of range; allowed: 1 to 4", "explore", "fault-vs-invalidate", "--set", "vcpus=9")]
    [InlineData("--set vcpus=3: vcpus is set twice", "explore", "fault-vs-invalidate", "--set", "vcpus=2", "--set", "vcpus=3")]
    [InlineData("--replay-file no/r.json: its folder does not exist", "explore", "fault-vs-invalidate", "--replay-file", "no/r.json")]
    [InlineData("--replay-file r.json: several scenarios cannot share a file", "explore", "--replay-file", "r.json")]
    public async Task Bad_input_is_one_line_that_names_the_option_and_what_is_allowed(string expected, params string[] arguments)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(arguments));
        Assert.StartsWith(
            expected.Replace("{folder}", harness.Folder.FullPath, StringComparison.Ordinal), harness.Error, StringComparison.Ordinal);
        Assert.Equal(1, harness.Error.Count(c => c == '\n'));
        Assert.Equal("", harness.Out);
        Assert.Empty(Directory.GetFiles(harness.Folder.FullPath));
    }

    /// <summary>Without colours, and without the lines that are there to be copied.</summary>
    private static List<string> LinesOnScreen(CommandHarness harness) =>
        [.. Colour().Replace(harness.Out, "").Split('\n').Where(line => !line.Contains("dotnet run", StringComparison.Ordinal))
            .Select(line => line.TrimEnd())];

    [GeneratedRegex(@"\x1b\[[0-9;?]*[a-zA-Z]")]
    private static partial Regex Colour();

    private static async Task WaitFor(CancellationToken token)
    {
        var cancelled = new TaskCompletionSource();
        await using var registration = token.Register(cancelled.SetResult);
        await cancelled.Task;
    }
}
