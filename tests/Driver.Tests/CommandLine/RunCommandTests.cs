using Livebed.Driver.Campaigns;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Running;
using Livebed.Driver.Runs;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.CommandLine;

/// <summary>Exit status, run folder and output of `livebed run`, with a runner that does as told.</summary>
public sealed class RunCommandTests
{
    private static readonly RunOutcome _good = new() { DurationSeconds = 1, Counts = new() { Accesses = 5, ChecksEvaluated = 2 } };

    [Fact]
    public async Task A_valid_run_exits_with_0_and_leaves_a_complete_folder()
    {
        using var harness = new CommandHarness(new FakeRunner(_good));
        Assert.Equal(ExitCodes.Valid, await harness.RunCampaignAsync(CommandHarness.SmallCampaign));
        var names = Directory.GetFiles(Assert.Single(harness.RunFolders)).Select(Path.GetFileName).Order();
        Assert.Equal(["campaign.yaml", "history.jsonl", "report.html", "results.json", "traces.otlp.jsonl"], names);
        Assert.Equal(VerdictKind.Valid, harness.Results().Verdict);
        Assert.Empty(harness.Error);
    }

    [Fact]
    public async Task A_violation_exits_with_1()
    {
        var outcome = _good with { Violations = [new("S1", "stale", null, null, null, null, null, [], [])] };
        using var harness = new CommandHarness(new FakeRunner(outcome));
        Assert.Equal(ExitCodes.Invalid, await harness.RunCampaignAsync(CommandHarness.SmallCampaign));
    }

    [Fact]
    public async Task A_run_that_did_nothing_exits_with_2()
    {
        using var harness = new CommandHarness(new FakeRunner(new RunOutcome()));
        Assert.Equal(ExitCodes.Unknown, await harness.RunCampaignAsync("minimum: { accesses: 0 }\n" + CommandHarness.SmallCampaign));
        Assert.Contains("The run did nothing.", harness.Results().Reasons);
    }

    [Fact]
    public async Task A_failed_bed_exits_with_70_in_one_line_and_keeps_its_history()
    {
        using var harness = new CommandHarness(new FakeRunner((_, folder, _, _) =>
        {
            folder.History.Append("s", [new(1, "s", "vm", HistoryType.Invoke, OperationKind.Fault, new(1))], 2);
            throw new InvalidOperationException("two\nlines");
        }));
        Assert.Equal(ExitCodes.BedFailed, await harness.RunCampaignAsync(CommandHarness.SmallCampaign));
        Assert.Equal("the bed failed: InvalidOperationException: two lines (--verbose shows where)\n", harness.Error);
        Assert.Single(File.ReadAllLines(Path.Combine(Assert.Single(harness.RunFolders), RunFolder.HistoryFile)));
    }

    [Fact]
    public async Task Verbose_adds_the_stack_trace()
    {
        using var harness = new CommandHarness(new FakeRunner((_, _, _, _) => throw new BedException("a silo did not start")));
        Assert.Equal(ExitCodes.BedFailed, await harness.RunCampaignAsync(CommandHarness.SmallCampaign, "--verbose"));
        Assert.StartsWith("the bed failed: a silo did not start\n", harness.Error, StringComparison.Ordinal);
        Assert.Contains("   at ", harness.Error, StringComparison.Ordinal);
        Assert.True(harness.Runner.Options!.Verbose);
    }

    [Fact]
    public async Task An_interrupt_ends_the_run_in_order_with_130_and_a_complete_folder()
    {
        var started = new TaskCompletionSource();
        using var harness = new CommandHarness(new FakeRunner(async (_, _, _, interrupted) =>
        {
            started.SetResult();
            var stopped = new TaskCompletionSource();
            await using var registration = interrupted.Register(stopped.SetResult);
            await stopped.Task;
            return _good with { Interrupted = true };
        }));
        var run = harness.RunCampaignAsync(CommandHarness.SmallCampaign);
        await started.Task;
        harness.Interrupts.Signal();
        Assert.Equal(ExitCodes.Interrupted, await run);
        Assert.Equal(VerdictKind.Unknown, harness.Results().Verdict);
        Assert.Contains("Interrupted after 1.0 s of 30.0 s.", harness.Results().Reasons);
        Assert.True(File.Exists(Path.Combine(harness.RunFolders[0], RunFolder.HistoryFile)));
        Assert.Null(harness.ExitedWith);
    }

    [Fact]
    public async Task A_runner_that_gives_up_when_interrupted_still_leaves_results()
    {
        using var harness = new CommandHarness(new FakeRunner((_, _, _, interrupted) =>
        {
            interrupted.ThrowIfCancellationRequested();
            return Task.FromResult(_good);
        }));
        harness.Interrupts.Signal();
        await AwaitCancellation(harness);
        Assert.Equal(ExitCodes.Interrupted, await harness.RunCampaignAsync(CommandHarness.SmallCampaign));
        Assert.Equal(VerdictKind.Unknown, harness.Results().Verdict);
    }

    [Fact]
    public void A_second_interrupt_quits_at_once()
    {
        using var harness = new CommandHarness();
        harness.Interrupts.Signal();
        Assert.Null(harness.ExitedWith);
        harness.Interrupts.Signal();
        Assert.Equal(ExitCodes.Interrupted, harness.ExitedWith);
    }

    [Fact]
    public async Task Json_prints_the_results_and_nothing_else()
    {
        using var harness = new CommandHarness(new FakeRunner((_, _, progress, _) =>
        {
            progress.Phase("running");
            return Task.FromResult(_good);
        }));
        Assert.Equal(ExitCodes.Valid, await harness.RunCampaignAsync(CommandHarness.SmallCampaign, "--json"));
        Assert.Equal(File.ReadAllText(Path.Combine(Assert.Single(harness.RunFolders), RunFolder.ResultsFile)), harness.Out);
        Assert.Equal(VerdictKind.Valid, ResultsJson.Read(harness.Out).Verdict);
    }

    [Fact]
    public async Task No_arguments_run_the_default_campaign()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync();
        Assert.Equal("default", harness.Runner.Campaign?.Name);
        Assert.Equal("default", harness.Results().Campaign);
    }

    [Fact]
    public async Task A_shipped_campaign_is_found_by_name_from_another_folder()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync("run", "spurious");
        Assert.Equal(0.99, harness.Runner.Campaign?.HostEvents.SpuriousShare);
    }

    [Fact]
    public async Task A_campaign_of_the_current_folder_goes_before_a_shipped_one()
    {
        using var harness = new CommandHarness();
        Directory.CreateDirectory(harness.Folder.PathOf("campaigns"));
        harness.Folder.Write("campaigns/spurious.yaml", CommandHarness.SmallCampaign);
        await harness.RunAsync("run", "spurious");
        Assert.Equal(0, harness.Runner.Campaign?.HostEvents.Rate);
    }

    [Fact]
    public async Task Options_reach_the_campaign_and_the_runner()
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(
            CommandHarness.SmallCampaign, "--silos", "5", "--protocol", "rwsem", "--mutant", "no-tlb-flush", "--placement", "packed",
            "--duration", "7s",
            "--seed", "42", "--set", "ksm.rate=3", "--set", "vms.0.vcpus=2", "--otlp", "http://localhost:4317", "--processes", "--out",
            "elsewhere");
        var campaign = harness.Runner.Campaign!;
        Assert.Equal(
            (5, "rwsem", "no-tlb-flush", Placement.Packed), (campaign.Silos, campaign.Protocol, campaign.Mutant, campaign.Placement));
        Assert.Equal((TimeSpan.FromSeconds(7), 42L, 3.0, 2), (campaign.Duration, campaign.Seed, campaign.Ksm.Rate, campaign.Vms[0].Vcpus));
        Assert.Equal(new RunnerOptions(Processes: true, new Uri("http://localhost:4317"), Verbose: false), harness.Runner.Options);
        Assert.Single(Directory.GetDirectories(harness.Folder.PathOf("elsewhere")));
    }

    [Fact]
    public async Task A_drawn_seed_is_in_the_command_that_repeats_the_run()
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign, "--set", "description=two words");
        var results = harness.Results();
        Assert.Equal(harness.Runner.Campaign!.Seed, results.Seed);
        Assert.Equal(
            $"dotnet run -c Release --project src/Driver -- run c.yaml --set 'description=two words' --seed {results.Seed}",
            results.Command);
        Assert.Contains(results.Command, harness.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("./livebed", false, "./livebed")]
    [InlineData("../my bed/livebed", false, "'../my bed/livebed'")]
    [InlineData(null, true, "livebed")]
    [InlineData("", false, "dotnet run -c Release --project src/Driver --")]
    public void A_command_that_repeats_begins_as_the_user_began(string? called, bool isTool, string expected) =>
        Assert.Equal(expected, CommandText.ProgramOf(called, isTool));

    [Fact]
    public async Task A_given_seed_is_not_repeated_twice()
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign, "--seed", "7");
        Assert.EndsWith("run c.yaml --seed 7", harness.Results().Command, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_resolved_campaign_repeats_the_run()
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign, "--silos", "2", "--set", "hostEvents.mix.fork=7");
        var (first, folder) = (harness.Runner.Campaign!, Assert.Single(harness.RunFolders));
        await harness.RunAsync("run", Path.Combine(folder, RunFolder.CampaignFile));
        var second = harness.Runner.Campaign!;
        Assert.Equal((first.Seed, first.Silos, 7.0), (second.Seed, second.Silos, second.HostEvents.Mix["fork"]));
    }

    [Fact]
    public async Task Limits_of_the_history_are_in_the_results()
    {
        using var harness = new CommandHarness(new FakeRunner((_, folder, _, _) =>
        {
            var record = new HistoryRecord(1, "s", "vm", HistoryType.Invoke, OperationKind.Fault, new(1));
            folder.History.Append("s", [record, record, record], 2);
            return Task.FromResult(_good with { LimitsHit = [new("inFlight", 4, "faults")] });
        }));
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign, "--set", "limits.historyRecords=2");
        Assert.Equal(["inFlight", "historyRecords"], harness.Results().LimitsHit.Select(hit => hit.Limit));
    }

    private static async Task AwaitCancellation(CommandHarness harness)
    {
        var cancelled = new TaskCompletionSource();
        await using var registration = harness.Interrupts.Token.Register(cancelled.SetResult);
        await cancelled.Task;
    }
}
