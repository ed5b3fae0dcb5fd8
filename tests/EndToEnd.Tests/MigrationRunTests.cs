using System.Globalization;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Driver.Tests;
using Livebed.Driver.Tests.Analyzing;
using Livebed.Driver.Tests.EndToEnd;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using Livebed.Kvm.World;

namespace Livebed.EndToEnd.Tests;

/// <summary>`livebed run` with migrations: VMs ping-pong under load and nothing is lost; a defect of the final sync is found, and one that
/// only a network that fails shows.</summary>
public sealed class MigrationRunTests
{
    private const string PingPong = """
        silos: 2
        pageSize: 256
        memory: 16MiB
        vms:
          - name: a
            vcpus: 2
            guest: { bytesPerVcpu: 16KiB, rate: 1000, writePercent: 60 }
            hotplugPages: 16
            memslots: 2
            dirtyLog: initially-set
          - { name: b, guest: { bytesPerVcpu: 16KiB, rate: 1000, writePercent: 60 }, hotplugPages: 16, dirtyLog: ring, ringEntries: 128 }
        hostEvents: { rate: 10, maxPages: 8 }
        warmup: 200ms
        memslotUpdates: { rate: 3 }
        dirtyLog: { rate: 3 }
        softwareWrites: { rate: 10 }
        migrations: { rate: 2, maxBandwidth: 2MiB/s, downtimeLimit: 20ms, roundsMax: 20, timeoutAction: suspend }
        minimum: { accesses: 100, migrationsCompleted: 2, deliveredShare: 0 }
        """;

    [Fact]
    public async Task VMs_ping_pong_under_load_and_the_run_is_valid()
    {
        using var folder = new TemporaryFolder();
        folder.Write("ping-pong.yaml", PingPong);
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", "ping-pong.yaml", "--duration", "20s", "--set", "migrations.count=6", "--set",
            "telemetry.sampleRatio=1");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Valid, output);
        var run = StoredRun.In(folder.PathOf("runs"));
        run.EveryOperationEnded();
        var results = run.Results;
        Assert.Equal(
            results.Counts.MigrationsCompleted, results.Migrations.Count(migration => migration.Status == MigrationStatus.Completed));
        Assert.Equal(results.Migrations.Count, results.LatencyMicroseconds["migration"].Count);
        Assert.All(LeakResult.Kinds, kind => Assert.Equal(0, kind.Read(results.Leaks)));

        run.CountsAreThoseOfTheHistory();
        var completed = results.Migrations.Where(migration => migration.Status == MigrationStatus.Completed);
        foreach (var vm in completed.GroupBy(migration => migration.Vm)) CheckPath([.. vm]);
        var driver = run.History.Where(
            record => record.GetProperty("f").GetString() == "migration" && record.GetProperty("process").GetString() == "driver");
        Assert.Contains(
            driver,
            record =>
                record.GetProperty("type").GetString() == "ok"
                    && record.GetProperty("value").GetString()!.Contains(": completed, ", StringComparison.Ordinal));
        Assert.Contains(" migrated ", output, StringComparison.Ordinal);
        CheckPhases(run, results.Migrations);
    }

    /// <summary>Each round that became a span says which it is, of a migration whose span says which VM.</summary>
    private static void CheckPhases(StoredRun run, IReadOnlyList<MigrationResult> migrations)
    {
        var spans = File.ReadLines(run.PathOf(RunFolder.TracesFile)).SelectMany(StoredSpan.In).ToList();
        var rounds = spans.Where(span => span.Name == SpanNames.PhasePrefix + "migration.round")
            .Select(span => int.Parse(span.Attribute(AttributeNames.PhaseNumber)!, CultureInfo.InvariantCulture)).ToList();
        Assert.Contains(0, rounds);
        Assert.All(rounds, round => Assert.InRange(round, 0, migrations.Max(migration => migration.Rounds.Max(one => one.Round))));
        var roots = spans.Where(span => span.Name == SpanNames.Operation(OperationKind.Migration)).ToList();
        Assert.NotEmpty(roots);
        Assert.All(roots, root => Assert.Matches("^vm-[01]$", root.Attribute(AttributeNames.Vm)));
    }

    [Theory]
    [InlineData("2MiB/s", "0B/s")]
    [InlineData("0B/s", "2MiB/s")]
    public async Task A_guest_that_dirties_more_than_the_link_carries_is_called_diverging_before_the_limit(
        string maxBandwidth, string linkBandwidth)
    {
        using var folder = new TemporaryFolder();
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", "steady-rate", "--set", "vms.0.guest.bytesPerVcpu=1MiB", "--set", "vms.0.guest.rate=600", "--set",
            $"migrations.maxBandwidth={maxBandwidth}", "--set",
            $"migrations.linkBandwidth={linkBandwidth}", "--set", "migrations.timeLimit=3s", "--set", "minimum.deliveredShare=0");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Valid, output);

        // The run is over when its one migration is, long before its duration.
        var results = StoredRun.In(folder.PathOf("runs")).Results;
        Assert.InRange(results.DurationSeconds, 0, 60);
        var migration = Assert.Single(results.Migrations);
        Assert.Equal((MigrationStatus.Failed, ForecastVerdict.Diverging), (migration.Status, migration.Forecast!.Verdict));
        Assert.True(migration.Rounds.Count >= 2 && migration.Rounds[^1].Diverging, string.Join(' ', migration.Rounds));

        // Populated before: no page of round 0 was a page of zeroes.
        Assert.Equal((256, 0), (migration.Rounds[0].Pages, migration.Rounds[0].Duplicate));
    }

    [Fact]
    public async Task In_post_copy_and_when_cancelled_nothing_is_lost_either()
    {
        using var folder = new TemporaryFolder();
        folder.Write("ping-pong.yaml", PingPong);
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", "ping-pong.yaml", "--duration", "20s", "--seed", "5", "--set", "migrations.count=8", "--set",
            "migrations.postcopyAfterRounds=1", "--set", "migrations.downtimeLimit=0us",
            "--set", "migrations.cancelShare=0.5", "--set", "migrations.cancelWithin=20ms", "--set", "minimum.migrationsCompleted=1",
            "--set", "minimum.migrationsCancelled=1");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Valid, output);
        var migrations = StoredRun.In(folder.PathOf("runs")).Results.Migrations;
        Assert.All(
            migrations,
            migration => Assert.True(migration.Status is MigrationStatus.Completed or MigrationStatus.Cancelled, migration.ToString()));
        Assert.Contains(migrations, migration => migration.Statuses.Any(step => step.Status == MigrationStatus.PostcopyActive));
        Assert.DoesNotContain(migrations, migration => migration.GuestLost);
        Assert.All(migrations, CheckBlocktime);
    }

    [Fact]
    public async Task A_final_sync_that_loses_a_page_is_found()
    {
        using var folder = new TemporaryFolder();
        folder.Write("ping-pong.yaml", PingPong);
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", "ping-pong.yaml", "--mutant", "final-sync-loses-page", "--duration", "30s", "--set",
            "migrations.downtimeLimit=1s");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Invalid, output);
        var results = StoredRun.In(folder.PathOf("runs")).Results;
        Assert.InRange(results.DurationSeconds, 0, 30);
        Assert.Contains(results.Violations, violation => violation.Invariant is "S6" or "M1");
    }

    [Fact]
    public async Task Links_that_break_and_answers_that_are_lost_cost_time_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        folder.Write("ping-pong.yaml", PingPong);
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", "ping-pong.yaml", "--duration", "20s", "--seed", "5", "--set", "migrations.count=6", "--set",
            "migrations.postcopyAfterRounds=1", "--set", "migrations.downtimeLimit=0us",
            // Each loses its answer: when no VM is free for one, that is a draw too, so the seed does not decide which of them do.
            "--set", "migrations.linkBreakShare=1", "--set", "migrations.lostAnswerShare=1", "--set", "migrations.jitter=20ms");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Valid, output);
        var run = StoredRun.In(folder.PathOf("runs"));
        run.EveryOperationEnded();
        var migrations = run.Results.Migrations;
        Assert.All(migrations, migration => Assert.Equal(MigrationStatus.Completed, migration.Status));
        Assert.Contains(
            migrations,
            migration => migration.PostcopyPauses > 0 && migration.Statuses.Any(step => step.Status == MigrationStatus.PostcopyPaused));

        // What the network did is told, and every answer that was lost had been given: the VM is where it went.
        Assert.True(Ended("link-break") >= migrations.Count(migration => migration.PostcopyPauses > 0));
        Assert.NotEqual(0, Ended("answer-loss"));

        // Of each migration one to three answers are lost, and the source asks until it hears one.
        var unanswered = migrations.Count(
            migration => migration.Reason?.Contains("did not take over: Lost", StringComparison.Ordinal) == true);
        Assert.InRange(Ended("answer-loss"), unanswered, 3 * unanswered);

        int Ended(string operation) =>
            run.History.Count(record => record.GetProperty("f").GetString() == operation && record.GetProperty("type").GetString() == "ok");
    }

    /// <summary>Without post-copy: there the destination would detect by itself that its source is gone. Here only the driver asks
    /// it.</summary>
    [Fact]
    public async Task A_guest_that_runs_on_both_sides_of_a_hand_over_whose_answer_was_lost_is_found()
    {
        using var folder = new TemporaryFolder();
        folder.Write("ping-pong.yaml", PingPong);
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", "ping-pong.yaml", "--mutant", "both-run-after-failed-hand-over", "--duration", "30s", "--set",
            "migrations.lostAnswerShare=1");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Invalid, output);
        var results = StoredRun.In(folder.PathOf("runs")).Results;
        Assert.InRange(results.DurationSeconds, 0, 30);
        Assert.Contains(results.Violations, violation => violation.Invariant == "M2");
    }

    /// <summary>One number for each vCPU if it went over to post-copy, and none if it did not.</summary>
    private static void CheckBlocktime(MigrationResult migration)
    {
        var began = migration.Statuses.FirstOrDefault(step => step.Status == MigrationStatus.PostcopyActive);
        Assert.Equal(began is null ? 0 : migration.Workload == "a" ? 2 : 1, migration.PostcopyVcpuBlocktime.Count);
        if (began is null) return;
        Assert.All(
            migration.PostcopyVcpuBlocktime,
            blocked => Assert.InRange(blocked, 0, migration.TotalTime - began.AtMilliseconds + migration.Downtime));
        Assert.InRange(migration.PostcopyBlocktime, 0, migration.PostcopyVcpuBlocktime.Min());
    }

    /// <summary>It is where it went, one epoch on each time, and every step of it is told.</summary>
    private static void CheckPath(IReadOnlyList<MigrationResult> path)
    {
        for (var i = 0; i < path.Count; i++)
        {
            var migration = path[i];
            Assert.NotEqual(migration.Source, migration.Destination);
            Assert.True(migration.TotalTime >= migration.Downtime && migration.Downtime > 0 && migration.SetupTime > 0);
            Assert.True(migration.Ram.Total > 0 && migration.Ram.Remaining == 0);
            Assert.True(migration.Ram.Normal + migration.Ram.Duplicate >= migration.Ram.Total / migration.Ram.PageSize);
            Assert.NotEmpty(migration.Rounds);
            Assert.All(migration.Rounds, round => Assert.NotNull(round.Predicted));
            Assert.NotNull(migration.Predicted);
            Assert.Equal(
                [MigrationStatus.Setup, MigrationStatus.Active, MigrationStatus.Device, MigrationStatus.Completed],
                migration.Statuses.Select(step => step.Status));
            if (i == 0) continue;
            Assert.Equal(path[i - 1].Destination, migration.Source);
            Assert.True(migration.Epoch > path[i - 1].Epoch);
        }
    }
}
