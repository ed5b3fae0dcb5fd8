using System.Text.Json;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Tests.Docs;
using Livebed.Driver.Tests.Results;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Tests.Migrating;

/// <summary>`livebed migrate`: the rows that lists of options make, what becomes of what was measured, and exit status. The runs are a fake
/// runner's.</summary>
public sealed class MigrateCommandTests
{
    [Fact]
    public async Task Each_workload_goes_over_each_link_with_each_strategy()
    {
        var campaigns = new List<Campaign>();
        using var harness = new CommandHarness(Runner(campaigns, SampleResults.Migration with { Status = MigrationStatus.Completed }));
        Assert.Equal(
            ExitCodes.Valid,
            await harness.RunAsync(
                "migrate", "--workload", "redis,xz", "--bandwidth", "1MiB/s,8MiB/s", "--markdown", harness.Folder.PathOf("t.md")));

        // The first is the small one that compiles the code.
        Assert.Equal(1 + 16, campaigns.Count);
        Assert.Equal(["redis", "xz"], campaigns.Skip(1).Select(campaign => campaign.Vms[0].Name).Distinct());
        Assert.Equal([1L << 20, 8L << 20], campaigns.Skip(1).Select(campaign => campaign.Migrations.MaxBandwidth).Distinct());
        Assert.Equal((ThrottleKind.None, 0), (campaigns[1].Migrations.Throttle, campaigns[1].Migrations.PostcopyAfterRounds));
        Assert.Equal(ThrottleKind.AutoConverge, campaigns[2].Migrations.Throttle);
        Assert.Equal((ThrottleKind.DirtyLimit, 256L << 10), (campaigns[3].Migrations.Throttle, campaigns[3].Migrations.VcpuDirtyLimit));
        Assert.Equal(1, campaigns[4].Migrations.PostcopyAfterRounds);
        Assert.Equal(17, harness.RunFolders.Count);
        Assert.Equal(16 + 2, File.ReadAllLines(harness.Folder.PathOf("t.md")).Length);
        Assert.Contains("redis-1MiB-plain", string.Join(' ', harness.RunFolders), StringComparison.Ordinal);
    }

    /// <summary>A busy machine answers within 50 ms. A slow link waits for no answer with one batch of a MiB a channel, and what is read
    /// earlier is only written again more often.</summary>
    [Theory]
    [InlineData("24MiB/s", 2, 1)]
    [InlineData("24MiB/s", 1, 2)]
    [InlineData("1Gbit/s", 1, 6)]
    [InlineData("1Gbit/s", 2, 3)]
    [InlineData("10Gbit/s", 1, 8)]
    public async Task A_channel_has_on_its_way_what_the_link_carries_until_there_is_an_answer(string bandwidth, int channels, int window)
    {
        var campaigns = new List<Campaign>();
        using var harness = new CommandHarness(Runner(campaigns, SampleResults.Migration with { Status = MigrationStatus.Completed }));
        await harness.RunAsync(
            "migrate", "--workload", "xz", "--strategy", "plain", "--bandwidth", bandwidth, "--channels", $"{channels}");
        Assert.Equal((channels, window), (campaigns[^1].Migrations.Parameters.Channels, campaigns[^1].Migrations.Parameters.ChannelWindow));
        var asked = campaigns[^1].Migrations with { ChannelWindow = 5 };
        Assert.Equal(5, asked.Parameters.ChannelWindow);
    }

    [Fact]
    public async Task A_row_is_repeated_by_the_command_that_its_results_name()
    {
        var campaigns = new List<Campaign>();
        using var harness = new CommandHarness(Runner(campaigns, SampleResults.Migration));
        await harness.RunAsync("migrate", "--workload", "sqlite", "--bandwidth", "2MiB/s", "--strategy", "dirty-limit", "--seed", "7");
        var results = harness.RunFolders.Select(folder => ResultsJson.Read(File.ReadAllText(Path.Combine(folder, "results.json"))))
            .Single(run => run.Name.StartsWith("sqlite", StringComparison.Ordinal));
        var words = results.Command.Split(" -- ")[1].Split(' ');
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync(words));
        var (row, again) = (campaigns[^2], campaigns[^1]);
        Assert.Equal((row.Migrations, row.Seed, row.Vms[0].Guest), (again.Migrations, again.Seed, again.Vms[0].Guest));
    }

    [Fact]
    public async Task What_is_set_of_the_migration_is_set_in_every_row_and_repeated_by_its_command()
    {
        var campaigns = new List<Campaign>();
        using var harness = new CommandHarness(Runner(campaigns, SampleResults.Migration));
        await harness.RunAsync(
            "migrate", "--workload", "redis,xz", "--bandwidth", "8MiB/s", "--strategy", "post-copy", "--speed", "0.05",
            "--downtime", "74ms", "--channels", "1", "--postcopy-after", "4", "--time-limit", "5m", "--timeout-action", "suspend",
            "--max-bandwidth", "2MiB/s");
        Assert.Equal(3, campaigns.Count);
        Assert.All(campaigns.Skip(1), campaign =>
        {
            var set = campaign.Migrations;
            Assert.Equal((8L << 20, 2L << 20), (set.LinkBandwidth, set.MaxBandwidth));
            Assert.Equal((TimeSpan.FromMilliseconds(74), TimeSpan.FromMinutes(5)), (set.DowntimeLimit, set.TimeLimit));
            Assert.Equal((1, 4, TimeoutAction.Suspend), (set.MultifdChannels, set.PostcopyAfterRounds, set.TimeoutAction));
            Assert.Equal(0.05, campaign.Vms[0].Guest.Speed);

            // The run must not end before the time limit does.
            Assert.True(campaign.Duration > set.TimeLimit, $"{campaign.Duration}");
        });
        await harness.RunAsync(
            "migrate", "--workload", "redis", "--bandwidth", "8MiB/s", "--strategy", "dirty-limit", "--vcpu-dirty-limit", "3MiB/s");
        Assert.Equal(3L << 20, campaigns[^1].Migrations.VcpuDirtyLimit);
    }

    [Theory]
    [InlineData("--goal-downtime", 1.0, true)]
    [InlineData("--goal-downtime", -1.0, false)]
    [InlineData("--goal-time", 1.0, true)]
    [InlineData("--goal-time", -1.0, false)]
    public async Task A_row_that_misses_a_goal_exits_with_3_and_says_so(string option, double margin, bool keeps)
    {
        var done = SampleResults.Migration with
        {
            Status = MigrationStatus.Completed,
            TotalTime = 9_000,
            CheckTime = 1_000,
            Downtime = 250,
        };
        var goal = (int)((option == "--goal-time" ? 8_000 : 250) + margin);
        using var harness = new CommandHarness(Runner([], done));
        string[] options = ["migrate", "--workload", "redis", "--strategy", "plain", "--bandwidth", "8MiB/s", option, $"{goal}ms"];
        Assert.Equal(keeps ? ExitCodes.Valid : ExitCodes.NotWithinLimits, await harness.RunAsync([.. options, "--json"]));
        using var json = JsonDocument.Parse(harness.Out);
        Assert.Equal(keeps, json.RootElement.GetProperty("rows")[0].GetProperty("keepsGoals").GetBoolean());
        await harness.RunAsync(options);
        Assert.Equal(!keeps, harness.Out.Contains("misses the goal: ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(new[] { 4.5, 1.25 }, "guest throttled by up to 30 %; vCPUs slept 75.5ms, 80.3ms under the throttle (model 77.8ms); "
        + "6 pages asked for; vCPUs blocked 4.5ms, 1.3ms, all at once 1.3ms |")]
    [InlineData(new double[0], "6 pages asked for |")]
    public async Task A_remark_says_how_long_vCPUs_were_blocked_if_the_destination_did(double[] blocked, string remark)
    {
        using var harness = new CommandHarness(Runner([], SampleResults.Migration with { PostcopyVcpuBlocktime = blocked }));
        await harness.RunAsync(
            "migrate", "--workload", "redis", "--bandwidth", "1MiB/s", "--strategy", "post-copy", "--markdown",
            harness.Folder.PathOf("t.md"));
        Assert.EndsWith(remark, File.ReadAllLines(harness.Folder.PathOf("t.md"))[^1], StringComparison.Ordinal);
    }

    /// <summary>The sample's round sent 52,000 bytes in 11.5 ms.</summary>
    [Theory]
    [InlineData("8MiB/s", "its rounds had 4.3MiB/s of the link: ")]
    [InlineData("4MiB/s", null)]
    [InlineData("8MiB/s", null, "--max-bandwidth", "4MiB/s")]
    public async Task A_remark_says_when_the_machine_does_not_feed_the_link(string bandwidth, string? remark, params string[] options)
    {
        using var harness = new CommandHarness(Runner([], SampleResults.Migration));
        await harness.RunAsync(["migrate", "--workload", "redis", "--strategy", "plain", "--bandwidth", bandwidth, .. options]);
        if (remark is not null) Assert.Contains(remark, harness.Out, StringComparison.Ordinal);
        else Assert.DoesNotContain("of the link: ", harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_json_has_how_long_vCPUs_were_blocked()
    {
        using var harness = new CommandHarness(Runner([], SampleResults.Migration));
        await harness.RunAsync("migrate", "--workload", "redis", "--bandwidth", "1MiB/s", "--strategy", "post-copy", "--json");
        using var json = JsonDocument.Parse(harness.Out);
        var measured = json.RootElement.GetProperty("rows")[0].GetProperty("measured");
        Assert.Equal("1.25", measured.GetProperty("postcopyBlocktimeMilliseconds").GetRawText());
        Assert.Equal(
            [75.5, 80.25], measured.GetProperty("vcpuThrottleTimeMilliseconds").EnumerateArray().Select(slept => slept.GetDouble()));
        Assert.Equal(
            [4.5, 1.25], measured.GetProperty("postcopyVcpuBlocktimeMilliseconds").EnumerateArray().Select(blocked => blocked.GetDouble()));
    }

    [Theory]
    [InlineData(5, 5, false, MigrationStatus.Completed, ExitCodes.Valid)]
    [InlineData(6, 5, false, MigrationStatus.Completed, ExitCodes.NotWithinLimits)]
    [InlineData(22, 20, false, MigrationStatus.Completed, ExitCodes.Valid)]
    [InlineData(5, 5, false, MigrationStatus.Cancelled, ExitCodes.NotWithinLimits)]
    [InlineData(4, null, true, MigrationStatus.Cancelled, ExitCodes.Valid)]
    [InlineData(4, null, false, MigrationStatus.Cancelled, ExitCodes.NotWithinLimits)]
    public async Task A_constant_rate_is_held_against_the_geometric_model(
        int rounds, int? model, bool diverging, MigrationStatus status, int exitCode)
    {
        var round = SampleResults.Migration.Rounds[0] with { Diverging = diverging };
        using var harness = new CommandHarness(Runner([], SampleResults.Migration with
        {
            Status = status,
            Predicted = new(model, 1, 1),
            Rounds = [.. Enumerable.Range(0, rounds).Select(number => round with { Round = number, Diverging = diverging && number > 0 })],
        }));
        Assert.Equal(exitCode, await harness.RunAsync("migrate", "--dirty-share", "0.5", "--json"));
        using var json = JsonDocument.Parse(harness.Out);
        var row = json.RootElement.GetProperty("rows")[0];
        Assert.Equal(exitCode == ExitCodes.Valid, row.GetProperty("modelHolds").GetBoolean());
        Assert.Equal(diverging ? "1" : "null", row.GetProperty("divergingRound").GetRawText());
    }

    [Fact]
    public async Task Every_field_of_the_json_is_documented()
    {
        var documented = Documents.InlineCode("docs/migration.md").ToHashSet(StringComparer.Ordinal);
        using var harness = new CommandHarness(Runner([], SampleResults.Migration));
        await harness.RunAsync("migrate", "--workload", "redis", "--strategy", "plain", "--json");
        using var document = JsonDocument.Parse(harness.Out);
        Assert.Equal([], JsonPaths.Of(document.RootElement).Where(path => !documented.Contains(path)).Distinct());
    }

    [Theory]
    [InlineData("--workload nothing: there is no such file", "--workload", "nothing")]
    [InlineData("--strategy fast: 'fast' is unknown; allowed: plain, ", "--strategy", "plain,fast")]
    [InlineData("--bandwidth 5: ", "--bandwidth", "5")]
    [InlineData("--dirty-share 9: 9 is out of range; allowed: 0.01 to 4", "--dirty-share", "9")]
    [InlineData("--workload redis: the workload is given twice", "--workload", "redis", "--dirty-share", "0.5")]
    [InlineData("--strategy plain: means nothing here", "--strategy", "plain", "--dirty-share", "0.5")]
    [InlineData("--markdown none/t.md: its folder does not exist", "--markdown", "none/t.md")]
    [InlineData("--seed -1: ", "--seed", "-1")]
    [InlineData("--downtime 5: '5' is not a duration; allowed: 1ms to 1h", "--downtime", "5")]
    [InlineData("--channels 0: ", "--channels", "0")]
    [InlineData("--timeout-action wait: 'wait' is unknown; allowed: cancel, suspend, postcopy", "--timeout-action", "wait")]
    [InlineData("--postcopy-after 2: means nothing here; allowed: with --strategy post-copy", "--postcopy-after", "2")]
    [InlineData("--vcpu-dirty-limit 1MiB/s: means nothing here", "--strategy", "plain", "--vcpu-dirty-limit", "1MiB/s")]
    [InlineData("--speed 1: means nothing here; allowed: without --dirty-share", "--speed", "1", "--dirty-share", "0.5")]
    [InlineData("--goal-time 0s: ", "--goal-time", "0s")]
    public async Task What_is_not_allowed_is_said_before_anything_runs(string message, params string[] options)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(["migrate", .. options]));
        Assert.StartsWith(message, harness.Error, StringComparison.Ordinal);
        Assert.Equal(harness.Error.Length - 1, harness.Error.IndexOf('\n', StringComparison.Ordinal));
        Assert.Empty(harness.RunFolders);
    }

    private static FakeRunner Runner(List<Campaign> campaigns, MigrationResult migration) => new((campaign, _, _, _) =>
    {
        campaigns.Add(campaign);
        return Task.FromResult(new RunOutcome { Counts = new() { Accesses = 10, ChecksEvaluated = 1 }, Migrations = [migration] });
    });
}
