using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Results;
using Livebed.Driver.Running;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.Running;

/// <summary>A run takes its times from the monotonic clock alone, and its patience from the time in which it ran.</summary>
public sealed class RunClockTests
{
    private const string Campaign = """
        duration: 1s
        seed: 1
        silos: 2
        pageSize: 256
        vms:
          - { vcpus: 1, guest: { bytesPerVcpu: 8KiB, rate: 500 }, dirtyLog: bitmap }
        hostEvents: { rate: 20, maxPages: 8 }
        minimum: { accesses: 1, deliveredShare: 0 }
        """;

    /// <summary>Back a second and forward an hour, at every other look: the run ends, is valid, and has the length that it had.</summary>
    [Fact]
    public async Task A_wall_clock_that_jumps_changes_nothing()
    {
        using var folder = new TemporaryFolder();
        var campaign = new CampaignReader(new(folder.FullPath, folder.FullPath), _ => 1).Read(folder.Write("run.yaml", Campaign), []);
        using var run = RunFolder.Create(folder.FullPath, DateTimeOffset.UnixEpoch, "run", 10_000);
        var time = new JumpingTime();
        var began = time.MonotonicMicroseconds();
        var outcome = await new CampaignRunner(new RunnerOptions(Time: time))
            .RunAsync(campaign, run, new NoPhases(), CancellationToken.None);
        var took = (time.MonotonicMicroseconds() - began) / 1e6;

        Assert.Equal(VerdictKind.Valid, Verdict.Judge(campaign, outcome).Kind);
        Assert.InRange(outcome.DurationSeconds, 1, took);
        run.History.Complete();
        var times = File.ReadLines(run.PathOf(RunFolder.HistoryFile))
            .Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("time").GetInt64()).ToList();
        Assert.NotEmpty(times);
        Assert.Equal(times.Order(), times);
        Assert.All(times, at => Assert.InRange(at, 0, (long)(took * 1e6)));
    }

    [Fact]
    public void Patience_is_over_when_the_driver_ran_for_so_long()
    {
        var (time, clock) = Begin();
        var patience = new Patience(clock, TimeSpan.FromSeconds(3));
        Run(time, clock, TimeSpan.FromSeconds(2));
        Assert.False(patience.IsOver);
        Run(time, clock, TimeSpan.FromSeconds(2));
        Assert.True(patience is { IsOver: true, HasRun: true });
        Assert.Equal("within 3 s", patience.ToString());
    }

    [Fact]
    public void A_suspension_costs_no_patience_until_it_has_lasted_four_times_as_long()
    {
        var (time, clock) = Begin();
        var patience = new Patience(clock, TimeSpan.FromSeconds(3));
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.False(patience.IsOver);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(patience is { IsOver: true, HasRun: false });
        Assert.Equal("within 12.0 s, of which the bed stood still for 12.0 s", patience.ToString());
    }

    private static (HandTime Time, RunClock Clock) Begin()
    {
        var time = new HandTime();
        var clock = new RunClock(time);
        clock.Running.Beat(time.MonotonicMicroseconds());
        return (time, clock);
    }

    private static void Run(HandTime time, RunClock clock, TimeSpan duration)
    {
        for (var end = time.GetTimestamp() + duration.Ticks; time.GetTimestamp() < end;)
        {
            time.Advance(TimeSpan.FromMicroseconds(RunningClock.IntervalMicroseconds));
            clock.Running.Beat(time.MonotonicMicroseconds());
        }
    }

    private sealed class HandTime : TimeProvider
    {
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
        public override long GetTimestamp() => _ticks;
        public void Advance(TimeSpan duration) => _ticks += duration.Ticks;
    }

    private sealed class JumpingTime : TimeProvider
    {
        private int _looks;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddSeconds(Interlocked.Increment(ref _looks) % 2 == 0 ? -1 : 3_600);
    }

    private sealed class NoPhases : IRunProgress
    {
        public void Phase(string name)
        {
        }

        public void Step(int done, int total)
        {
        }

        public void Report(ProgressSnapshot snapshot)
        {
        }
    }
}
