using System.Text.Json;
using AngleSharp.Html.Parser;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Tests.Docs;

namespace Livebed.Driver.Tests.Comparing;

/// <summary>`livebed compare` runs campaigns by turns or reads stored runs, and refuses what cannot be compared.</summary>
public sealed class CompareCommandTests
{
    /// <summary>Under rwsem every fault takes longer, and each run a little other than the one before.</summary>
    private static FakeRunner Runner(List<(string Protocol, long Seed)> runs) => new((campaign, _, _, _) =>
    {
        runs.Add((campaign.Protocol, campaign.Seed!.Value));
        var fault = (campaign.Protocol == "rwsem" ? 9_000 : 1_000) + campaign.Seed.Value;
        return Task.FromResult(new RunOutcome
        {
            DurationSeconds = 2,
            Counts = new() { Accesses = 10, Faults = 5, ChecksEvaluated = 1 },
            Latency = new Dictionary<string, LatencySummary> { ["fault"] = new(5, fault, fault, fault, fault) },
            Hangs = campaign.Protocol == "rwsem" ? [new(Kvm.Locks.HangKind.Deadlock, "deadlock", "it hangs", 1, [], [])] : [],
        });
    });

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public async Task Protocols_are_run_by_turns_with_the_same_seeds_and_what_differs_is_marked(int columns)
    {
        var runs = new List<(string Protocol, long Seed)>();
        using var harness = new CommandHarness(Runner(runs), columns: columns);
        harness.Folder.Write("c.yaml", CommandHarness.SmallCampaign);
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("compare", "c.yaml", "--protocols", "active-count,rwsem", "--seed", "7"));
        Assert.Equal("", harness.Error);
        Assert.Equal(
            [("active-count", 7), ("rwsem", 7), ("rwsem", 8), ("active-count", 8), ("active-count", 9), ("rwsem", 9)], runs.Take(6));
        Assert.Equal(10, runs.Count);
        var lines = harness.Out.Split('\n').Select(line => line.TrimEnd()).ToList();
        Assert.All(
            lines.Where(line => !line.StartsWith("page ", StringComparison.Ordinal)), line => Assert.True(line.Length <= columns, line));
        Assert.Contains("protocol: active-count, rwsem", lines);
        Assert.Contains(lines, line => line.Contains("5 deadlock", StringComparison.Ordinal));
        Assert.Contains(
            lines, line => line.Contains("latency.fault.p50", StringComparison.Ordinal) && line.Contains("9ms*", StringComparison.Ordinal));
        Assert.Contains("1/10  active-count, seed 7: valid", lines);

        var folder = Assert.Single(harness.RunFolders);
        Assert.Equal(10, Directory.GetDirectories(folder).Length);
        var page = new HtmlParser().ParseDocument(await File.ReadAllTextAsync(Path.Combine(folder, "compare.html")));
        Assert.Equal("5 deadlock", page.QuerySelector("td.broke")!.TextContent);
        Assert.Contains(page.QuerySelectorAll("td.differs"), cell => cell.TextContent == "9ms*");
        Assert.All(new[] { "src", "href", "srcset", "action" }, name => Assert.Null(page.QuerySelector($"[{name}]")));

        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "compare.json")));
        var documented = Documents.Table("docs/compare.md", "## --json").Select(row => row[0].Trim('`')).Order(StringComparer.Ordinal);
        var fields = JsonPaths.Of(json.RootElement)
            .Select(path => path.Replace("verdicts.valid", "verdicts.<verdict>", StringComparison.Ordinal)
            .Replace("verdicts.invalid", "verdicts.<verdict>", StringComparison.Ordinal)
            .Replace("broke.deadlock", "broke.<what>", StringComparison.Ordinal));
        Assert.Equal(documented, fields.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Stored_runs_and_folders_of_runs_are_compared_and_may_differ_in_what_is_named_only()
    {
        using var harness = new CommandHarness(Runner([]));
        harness.Folder.Write("c.yaml", CommandHarness.SmallCampaign);
        foreach (
            var (protocol, silos, parent) in new[] { ("rwsem", 3, "a"), ("rwsem", 3, "a"), ("active-count", 3, "b"), ("rwsem", 2, "c") })
            await harness.RunAsync("run", "c.yaml", "--protocol", protocol, "--silos", $"{silos}", "--out", parent);
        var single = Path.GetRelativePath(harness.Folder.FullPath, Directory.GetDirectories(harness.Folder.PathOf("b"))[0]);
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("compare", "a", single, "--json", "--out", "out"));
        using var json = JsonDocument.Parse(harness.Out[harness.Out.IndexOf("{\n", StringComparison.Ordinal)..]);
        Assert.Equal(2, json.RootElement.GetProperty("groups")[0].GetProperty("runs").GetInt32());
        Assert.All(
            json.RootElement.GetProperty("figures").EnumerateArray(), figure => Assert.False(figure.GetProperty("differs").GetBoolean()));

        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("compare", "a", "c", "--out", "out"));
        Assert.StartsWith("compare: silos is 3 in a/", harness.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("compare", "a", "c", "--across", "silos", "--out", "out"));
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("compare", "b", "c", "--across", "any", "--out", "out"));
        Directory.Move(harness.Folder.PathOf(single), harness.Folder.PathOf("a/other"));
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("compare", "a", "c", "--across", "any", "--out", "out"));
        Assert.Contains("a: protocol is ", harness.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("compare: 1 runs are given; allowed: 2 to 16 folders of runs, or --protocols or --vary", "compare", "a")]
    [InlineData("nowhere: there is no such folder; allowed: ", "compare", "nowhere", "nowhere")]
    [InlineData("empty: has 0 run folders; allowed: ", "compare", "empty", "empty")]
    [InlineData("--repeat: means nothing for stored runs; allowed: ", "compare", "a", "b", "--repeat", "3")]
    [InlineData("--protocols rwsem: is no list to compare; allowed: ", "compare", "c.yaml", "--protocols", "rwsem")]
    [InlineData("--protocols rwsem,rwsem: is no list to compare; ", "compare", "c.yaml", "--protocols", "rwsem,rwsem")]
    [InlineData("--protocols nonsense: protocol: ", "compare", "c.yaml", "--protocols", "rwsem,nonsense")]
    [InlineData("--vary silo=1: silo: unknown key; allowed: ", "compare", "c.yaml", "--vary", "silo=1,2")]
    [InlineData("--vary silos=1,2: something is varied already; ", "compare", "c.yaml", "--protocols", "a,b", "--vary", "silos=1,2")]
    [InlineData("--across silos: means nothing here; allowed: ", "compare", "c.yaml", "--vary", "silos=1,2", "--across", "silos")]
    [InlineData("--repeat 0: ", "compare", "c.yaml", "--vary", "silos=1,2", "--repeat", "0")]
    [InlineData("compare: 2 campaigns are given; allowed: ", "compare", "c.yaml", "d.yaml", "--vary", "silos=1,2")]
    public async Task Bad_input_is_one_line_and_leaves_nothing_behind(string expected, params string[] arguments)
    {
        using var harness = new CommandHarness();
        harness.Folder.Write("c.yaml", CommandHarness.SmallCampaign);
        Directory.CreateDirectory(harness.Folder.PathOf("empty"));
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(arguments));
        Assert.StartsWith(expected, harness.Error, StringComparison.Ordinal);
        Assert.Equal(1, harness.Error.Count(c => c == '\n'));
        Assert.Empty(harness.RunFolders);
    }
}
