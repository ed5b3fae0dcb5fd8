using Livebed.Driver.Campaigns;
using Livebed.Driver.Running.Nemesis;
using Livebed.Driver.Running.Operations;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// The load of a run, in two parts. In the warm-up everything happens as later, and every check judges it, but the campaign's clock has not
/// begun. When all that the driver began has ended, the figures begin anew everywhere, and the load runs again for the campaign's duration.
/// Migrations have no warm-up: each is a figure of its own.
/// </summary>
internal sealed class CampaignLoad(
    Campaign campaign, OperationSources sources, LoadLedger load, ReportLedger reports, Supervisor supervisor, HistoryWriter history,
    OperationIds ids, RunClock clock, Evacuation evacuation, NemesisRun? nemesis)
{
    private static readonly TimeSpan SettlePatience = TimeSpan.FromSeconds(15);

    /// <summary>How long after the end migrations may still come to theirs; then they are cancelled.</summary>
    private static readonly TimeSpan MigrationPatience = TimeSpan.FromSeconds(5);

    /// <summary>The warm-up has draws of its own, so that those of the measured part do not depend on it.</summary>
    private const ulong WarmUpDraws = 1UL << 32;

    private long _ended = long.MaxValue;

    /// <summary>When the part began that the figures are of.</summary>
    public long StartedMicroseconds { get; private set; }

    /// <summary>Of the part that the figures are of.</summary>
    public double DurationSeconds => (Math.Min(_ended, load.NowMicroseconds) - StartedMicroseconds) / 1e6;

    /// <summary>Null when the run has ended, or still is, in the warm-up.</summary>
    public double? WarmUpSeconds { get; private set; }

    /// <summary>A sentence when operations have not ended although there was time.</summary>
    public string? Unended { get; private set; }

    /// <summary>Load until the time is up, the user stops it, or something is found. True when every operation has ended.</summary>
    public async Task<bool> RunAsync(IRunProgress progress, Action afterEach, CancellationToken interrupted)
    {
        StartedMicroseconds = load.NowMicroseconds;
        if (campaign.WarmUp is { Ticks: > 0 } warmUp)
        {
            progress.Phase("warming up");
            history.WarmUpBegins(StartedMicroseconds);
            var isWarm = await RunAsync(
                sources.Active.Where(source => source != sources.Migrations), warmUp, isWarmUp: true, afterEach, interrupted);
            if (!isWarm || supervisor.MustStop || interrupted.IsCancellationRequested) return Ended(isWarm);
            await MeasureAsync();
        }
        else
        {
            WarmUpSeconds = 0;
        }

        progress.Phase("running");
        return Ended(await RunAsync(sources.Active, campaign.Duration, isWarmUp: false, afterEach, interrupted));
    }

    /// <summary>Nothing of the driver's is under way, so what the actors count from now on is what it does from now on.</summary>
    private async Task MeasureAsync()
    {
        clock.MeasureFromNow();
        history.WarmUpEnds(clock.Since(clock.MeasuredFromMicroseconds));
        reports.MeasureFrom(clock.MeasuredFromMicroseconds);
        load.CountAnew();
        await supervisor.ObserveAsync(ofAll: true);
        WarmUpSeconds = (clock.Since(clock.MeasuredFromMicroseconds) - StartedMicroseconds) / 1e6;
        StartedMicroseconds = load.NowMicroseconds;
    }

    private bool Ended(bool drained)
    {
        _ended = load.NowMicroseconds;
        return drained;
    }

    private async Task<bool> RunAsync(
        IEnumerable<IOperationSource> active, TimeSpan duration, bool isWarmUp, Action afterEach, CancellationToken interrupted)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        stop.CancelAfter(duration);
        _ = sources.Migrations.AllOver.ContinueWith(_ => stop.Cancel(), stop.Token, TaskContinuationOptions.None, TaskScheduler.Default);
        var random = new SeededRandom((ulong)campaign.Seed!.Value);
        var loops = active
            .Select((source, index) => new OpenLoop(
                source, Math.Min(campaign.Limits.InFlight, source.InFlightMax), random.Fork((isWarmUp ? WarmUpDraws : 0) + (ulong)index),
                ids, load))
            .ToList();
        var running = loops.Select(loop => Task.Run(() => loop.RunAsync(stop.Token), CancellationToken.None)).ToList();
        var faults = isWarmUp || nemesis is null
            ? Task.CompletedTask
            : nemesis.RunAsync(() => interrupted.IsCancellationRequested || supervisor.MustStop, stop.Token);
        await supervisor.WatchAsync(afterEach, stop.Token);
        await stop.CancelAsync();
        await Task.WhenAll(running);
        await faults;
        return await DrainAsync(loops, !isWarmUp, afterEach, interrupted);
    }

    /// <summary>What is under way may take long or hang: goes on watching until it has ended or something is found.</summary>
    private async Task<bool> DrainAsync(List<OpenLoop> loops, bool isEnd, Action afterEach, CancellationToken interrupted)
    {
        using var settled = new CancellationTokenSource();
        var patience = new Patience(clock, SettlePatience);
        var over = patience.OverAsync(settled.Token);
        var drains = Task.WhenAll(loops.Select(loop => loop.DrainAsync(over)).Append(evacuation.DrainAsync(over)));
        _ = drains.ContinueWith(_ => settled.Cancel(), TaskScheduler.Default);
        using var hurry = CancellationTokenSource.CreateLinkedTokenSource(settled.Token, interrupted);
        if (isEnd)
        {
            _ = new Patience(clock, MigrationPatience).OverAsync(hurry.Token)
                .ContinueWith(_ => sources.Migrations.CancelAll(), TaskScheduler.Default);
        }

        if (!supervisor.MustStop) await supervisor.WatchAsync(afterEach, settled.Token);
        await settled.CancelAsync();
        var left = (await drains).Sum();
        if (left > 0 && !supervisor.MustStop) Unended = $"{left} operations that were under way did not end {patience}";
        return left == 0;
    }
}
