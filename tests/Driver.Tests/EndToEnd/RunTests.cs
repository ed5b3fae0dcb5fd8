using System.Diagnostics;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;

namespace Livebed.Driver.Tests.EndToEnd;

/// <summary>`livebed run` as a process: valid and unknown runs, in one process and in many, to their end or interrupted.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class RunTests
{
    /// <summary>A guest and host events at a rate that any machine keeps up with, until the run is stopped.</summary>
    private const string Endless = """
        duration: 10m
        warmup: 0s
        silos: 2
        pageSize: 256
        vms:
          - { vcpus: 1, guest: { bytesPerVcpu: 8KiB, rate: 500 }, dirtyLog: bitmap }
        hostEvents: { rate: 20, maxPages: 8 }
        dirtyLog: { rate: 5 }
        """;

    [Fact]
    public async Task The_smoke_campaign_is_valid_and_the_campaign_that_it_leaves_runs_again_in_processes_of_its_own()
    {
        using var folder = new TemporaryFolder();
        string[] minimum = ["--set", "minimum.deliveredShare=0", "--set", "minimum.accesses=10", "--set", "minimum.dirtyLogGets=0",
            "--set", "minimum.teardowns=0"];
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, ["run", "smoke", "--duration", "2s", "--silos", "2", "--seed", "5", "--out", "first", .. minimum]);
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Valid, output);
        var first = StoredRun.In(folder.PathOf("first"));
        Check(first.Results);
        Assert.InRange(first.Results.WarmupSeconds!.Value, 0.2, 60);
        Assert.Contains(first.History, record => record.GetProperty("warmup").GetBoolean());
        Assert.Contains("warmed up for ", output, StringComparison.Ordinal);
        first.EveryOperationEnded();
        first.CountsAreThoseOfTheHistory();

        (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", first.PathOf(RunFolder.CampaignFile), "--processes", "--duration", "1s", "--json", "--out", "second");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Valid, output);
        var second = StoredRun.In(folder.PathOf("second"));
        Check(second.Results);
        second.EveryOperationEnded();
        second.CountsAreThoseOfTheHistory();
        Assert.Equal(first.Results.Seed, second.Results.Seed);
        Assert.Equal(File.ReadAllText(second.PathOf(RunFolder.ResultsFile)), output + "\n");
        Assert.Single(first.Results.Silos.Select(silo => silo.ProcessId).Distinct());
        Assert.Equal(2, second.Results.Silos.Select(silo => silo.ProcessId).Distinct().Count());
    }

    [Fact]
    public async Task A_run_that_did_less_than_its_minimum_or_could_not_put_its_load_on_is_unknown()
    {
        using var folder = new TemporaryFolder();
        folder.Write(
            "idle.yaml",
            """
            duration: 200ms
            silos: 1
            vms:
              - { vcpus: 1, guest: { bytesPerVcpu: 4KiB, rate: 10 } }
            hostEvents: { rate: 1000000 }
            minimum: { teardowns: 1 }
            teardowns: { rate: 0.001 }
            """);
        var (exitCode, output, errors) = await CommandProcess.RunAsync(folder.FullPath, "run", "idle.yaml");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Unknown, output);
        var results = StoredRun.In(folder.PathOf("runs")).Results;
        Assert.Equal(VerdictKind.Unknown, results.Verdict);
        Assert.Equal("Too little was done: teardowns is 0, the campaign asks for at least 1.", results.Reasons[0]);
        Assert.Matches(
            "^Too little of the load was delivered: 0.[0-4][0-9]* of it, .* host-event operations that were due were started",
            results.Reasons[1]);
        var load = results.Load["host-event"];
        Assert.InRange(load.Due, 100_000, long.MaxValue);
        Assert.Equal(load.Due - load.Started, results.NotStarted["host-event"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Ctrl_C_ends_a_run_in_order(bool processes)
    {
        if (!OperatingSystem.IsLinux()) return;
        using var folder = new TemporaryFolder();
        folder.Write("endless.yaml", Endless);
        using var command = CommandProcess.Start(
            folder.FullPath, processes ? ["run", "endless.yaml", "--processes"] : ["run", "endless.yaml"]);
        await command.SaysAsync("running");
        command.Interrupt();
        Assert.Equal(ExitCodes.Interrupted, await command.EndAsync());
        Assert.Equal("stopping; interrupt again to quit at once", command.Errors.TrimEnd());
        var run = StoredRun.In(folder.PathOf("runs"));
        run.EveryOperationEnded();
        Assert.Equal(VerdictKind.Unknown, run.Results.Verdict);
        Assert.StartsWith("Interrupted after", run.Results.Reasons[0], StringComparison.Ordinal);
        Assert.DoesNotContain(run.Results.Silos, silo => silo.ContactLost);
        // The final tear-down is none.
        Assert.Equal(0, run.Results.Counts.Teardowns);
        Assert.All(LeakResult.Kinds, kind => Assert.Equal(0, kind.Read(run.Results.Leaks)));
    }

    [Fact]
    public async Task A_silo_that_dies_makes_the_run_unknown_and_is_named_and_no_process_is_left()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var folder = new TemporaryFolder();
        folder.Write("endless.yaml", Endless);
        using var command = CommandProcess.Start(folder.FullPath, "run", "endless.yaml", "--processes");
        await command.SaysAsync("running");
        var silos = command.Children.ToList();
        Assert.Equal(2, silos.Count);
        command.KillChild(Assert.Single(silos, silo => silo.CommandLine.Contains("silo-1", StringComparison.Ordinal)).Id);
        Assert.Equal(ExitCodes.Unknown, await command.EndAsync());
        Assert.All(silos, silo => Assert.False(Path.Exists($"/proc/{silo.Id}/exe"), $"{silo.CommandLine} lives"));
        var results = StoredRun.In(folder.PathOf("runs")).Results;
        Assert.Contains("silo-1 ended during the run, and what it held is lost.", results.Reasons);
        Assert.Contains(results.Silos, silo => silo is { Name: "silo-1", ContactLost: true });
        // Whether the other one still answers is the machine's business: it may have lost its way to the dead one's directory.
        Assert.Contains(results.Silos, silo => silo.Name == "silo-0");
    }

    [Fact]
    public async Task A_silo_that_dies_at_start_up_is_told_at_once_and_the_others_end()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var folder = new TemporaryFolder();
        folder.Write("endless.yaml", Endless);
        using var command = CommandProcess.Start(folder.FullPath, "run", "endless.yaml", "--processes");
        await command.SaysAsync("starting 2 silos");
        while (command.Children.Count() < 2) await Task.Yield();
        var silos = command.Children.ToList();
        var began = Stopwatch.GetTimestamp();
        command.KillChild(Assert.Single(silos, silo => silo.CommandLine.Contains("silo-name silo-1", StringComparison.Ordinal)).Id);
        Assert.Equal(ExitCodes.BedFailed, await command.EndAsync());

        // The others wait 60 s for the whole cluster.
        Assert.InRange(Stopwatch.GetElapsedTime(began).TotalSeconds, 0, 30);
        Assert.Equal("the bed failed: silo-1 did not start: it ended with status 137: it said nothing", command.Errors.TrimEnd());
        Assert.All(silos, silo => Assert.False(Path.Exists($"/proc/{silo.Id}/exe"), $"{silo.CommandLine} lives"));
    }

    private static void Check(RunResults results)
    {
        Assert.Equal(VerdictKind.Valid, results.Verdict);
        Assert.Single(results.Reasons);
        Assert.Equal(["silo-0", "silo-1"], results.Silos.Select(silo => silo.Name));
        Assert.All(results.Silos, silo => Assert.False(silo.ContactLost));
        Assert.All(results.Silos, silo => Assert.NotEqual("", silo.Address));
        Assert.True(results.DurationSeconds >= 1);
        Assert.True(results.Counts.Accesses > 0 && results.Counts.Faults > 0 && results.Counts.ChecksEvaluated > 0);
        Assert.True(results.Counts.MmuLockAcquisitions > 0);
        Assert.Contains("fault", results.LatencyMicroseconds.Keys);
        Assert.Contains("dont-need", results.LatencyMicroseconds.Keys);
        Assert.Contains(results.Locks, row => row is { Class: "mmu_lock", Acquisitions: > 0 });
        Assert.Equal(2, results.Guests.Count);
        Assert.Empty(results.Violations);
        Assert.Empty(results.Hangs);
        Assert.All(LeakResult.Kinds, kind => Assert.Equal(0, kind.Read(results.Leaks)));
    }
}
