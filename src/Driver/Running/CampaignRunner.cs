using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Running.Nemesis;
using Livebed.Driver.Running.Operations;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;
using Livebed.Grains.Contracts;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.World;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Livebed.Driver.Running;

/// <summary>
/// Runs a campaign on a cluster: it starts silos and VMs and runs the load for the duration or until something is found. If nothing is
/// found, it waits for every operation, verifies and audits every VM once more, tears all of them down, and counts what is left.
/// </summary>
internal sealed class CampaignRunner(RunnerOptions options) : ICampaignRunner
{
    /// <summary>How long after an interrupt the run may come to its end in order; then it is judged by what is known.</summary>
    private static readonly TimeSpan InterruptPatience = TimeSpan.FromSeconds(2);

    private readonly TimeProvider _time = options.Time ?? TimeProvider.System;

    public async Task<RunOutcome> RunAsync(Campaign campaign, RunFolder folder, IRunProgress progress, CancellationToken interrupted)
    {
        RefuseFaultsWithoutTheirWorld(campaign.Nemesis);
        var began = DateTimeOffset.UtcNow;
        progress.Phase($"{(options.IsConnected ? "waiting for" : "starting")} {campaign.Silos} silos");
        await using var cluster = await StartClusterAsync(campaign, folder.Traces, interrupted);
        if (cluster.Dashboard is { } page) options.Dashboard?.Invoke(page);
        var clock = new RunClock(_time);
        using var heartbeat = new Heartbeat(clock.Running, clock.Time);
        await heartbeat.StartAsync(CancellationToken.None);
        var ids = new OperationIds(origin: 0);
        var fleet = new Fleet(campaign, cluster.Client, ids);
        var reports = new ReportLedger(place => fleet.Slots[place].Kind);
        var load = new LoadLedger(folder.History, clock);
        var migrations = new MigrationLedger(clock);
        folder.History.Open(LoadLedger.DriverSilo);
        folder.History.Append(LoadLedger.DriverSilo, [LoadLedger.Build], 0);
        folder.History.Open(Supervisor.ClusterStream);
        var supervisor = new Supervisor(fleet, reports, load, folder.History, clock, campaign.Limits.Starvation, cluster);
        var settlement = new Settlement(fleet, reports, load, supervisor, ids, cluster, clock);

        progress.Phase(FormattableString.Invariant($"creating {fleet.Slots.Count:N0} VMs"));
        await BringUpAsync(fleet, cluster, progress).WaitAsync(interrupted);

        var sources = new OperationSources(campaign, fleet, reports, supervisor, migrations, ids);
        var evacuation = new Evacuation(campaign, fleet, sources.Migrations, load, reports, supervisor, ids, clock);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        cluster.Evacuate = silo => evacuation.RunAsync(silo, ending.Token);
        var nemesis = cluster.Faults is { } faults
            ? new NemesisRun(campaign, faults, options.Connection?.Redis, fleet, load, supervisor, ids, clock)
            : null;
        var played = new CampaignLoad(campaign, sources, load, reports, supervisor, folder.History, ids, clock, evacuation, nemesis);
        var charts = new ChartRecorder(fleet, reports, load, supervisor, migrations);
        void Report()
        {
            var (counters, waits) = (reports.Counters(), reports.LockWaits());
            charts.Read(played.StartedMicroseconds, counters, waits);
            progress.Report(Snapshot(campaign, fleet, load, reports, migrations, played, counters, waits));
        }

        async Task<LeakResult> PlayAsync()
        {
            var drained = await played.RunAsync(progress, Report, interrupted);
            await ending.CancelAsync();
            var isSettled = drained && !supervisor.MustStop;
            var leaks = supervisor.MustStop ? new LeakResult() : await settlement.FinishAsync(drained, progress);
            Report();
            // What a silo that is gone did not say any more would look like a guest that never stopped.
            if (supervisor.ContactLost.Count == 0) supervisor.JudgeTheRest(isSettled && supervisor.Hangs.Count == 0);
            return leaks;
        }

        var left = await EndAsync(PlayAsync(), supervisor, cluster, interrupted);
        var outcome = await OutcomeAsync(
            cluster, campaign, fleet, reports, load, migrations, supervisor, left, interrupted.IsCancellationRequested);
        RunSpan.Record(campaign, reports, migrations, began);
        return outcome with
        {
            Charts = charts.Complete(),
            Nemesis = nemesis?.Results ?? [],
            FaultsNotBegun = nemesis?.NotBegun ?? 0,
            Owners = supervisor.OwnersJudged,
            DurationSeconds = played.DurationSeconds,
            WarmUpSeconds = played.WarmUpSeconds,
            LimitsHit =
            [
                .. outcome.LimitsHit, .. evacuation.LimitsHit(),
                .. nemesis is not null && NemesisPlan.LeftOut(campaign) is { } leftOut ? [leftOut] : Array.Empty<LimitHit>(),
            ],
            ContactLost = [.. outcome.ContactLost, .. played.Unended is { } unended ? [unended] : Array.Empty<string>()],
        };
    }

    /// <summary>Commands beside `run` have embedded clusters only.</summary>
    private void RefuseFaultsWithoutTheirWorld(NemesisSettings nemesis)
    {
        if (!options.Processes && (nemesis.Makes(NemesisKind.Kill) || nemesis.Makes(NemesisKind.Pause)))
            throw new UsageException("nemesis: silos that share one process live and die together; allowed: run with --processes");
        if (options.Connection is null && nemesis.Makes(NemesisKind.Redis))
            throw new UsageException("nemesis redis: the run has no Redis; allowed: run with --processes --redis HOST:PORT");
    }

    /// <summary>Makes the VMs. A call to a silo that has ended could wait for its time-out.</summary>
    private static async Task BringUpAsync(Fleet fleet, ICluster cluster, IRunProgress progress)
    {
        var created = fleet.BringUpAsync(done => progress.Step(done, fleet.Slots.Count));
        await Task.WhenAny(created, cluster.SiloLost);
        if (cluster.SiloLost.IsCompletedSuccessfully)
            throw new BedException($"{cluster.SiloLost.Result} ended while the VMs were created");
        await created;
    }

    /// <summary>Waits for the end of a run, after an interrupt not for long. What was found before the bed failed counts, and a silo that
    /// is lost is no defect of the bed: whatever its calls answer makes the verdict unknown.</summary>
    /// <returns>what was left; nothing where the end was not reached</returns>
    private static async Task<LeakResult> EndAsync(
        Task<LeakResult> playing, Supervisor supervisor, ICluster cluster, CancellationToken interrupted)
    {
        await Task.WhenAny(playing, Task.Delay(Timeout.InfiniteTimeSpan, interrupted));
        if (!playing.IsCompleted) await Task.WhenAny(playing, Task.Delay(InterruptPatience, CancellationToken.None));
        if (!playing.IsCompleted) return new LeakResult();
        try
        {
            return await playing;
        }
        catch (Exception failure) when (supervisor.HasFindings || cluster.SiloLost.IsCompleted)
        {
            supervisor.Broken(failure);
            return new LeakResult();
        }
    }

    private async Task<ICluster> StartClusterAsync(Campaign campaign, TraceFile traces, CancellationToken interrupted)
    {
        var settings = new ClusterSettings
        {
            Silos = campaign.Silos,
            BasePort = options.BasePort,
            Placement = campaign.Placement == Placement.Packed ? PlacementMode.Packed : PlacementMode.Spread,
            Telemetry = new TelemetryTargets { Otlp = options.Otlp, File = traces },
            SampleRatio = campaign.Telemetry.SampleRatio,
            Thresholds = new TelemetryThresholds
            {
                LockWaitMicroseconds = (long)campaign.Telemetry.SlowLockWait.TotalMicroseconds,
                FaultMicroseconds = (long)campaign.Telemetry.SlowFault.TotalMicroseconds,
                FaultRetries = campaign.Telemetry.RetriesPromoted,
            },
            ResponseTimeout = TimeSpan.FromMinutes(2),
            Time = _time,
            Seed = (ulong)campaign.Seed!.Value,
            TakesFaults = campaign.Nemesis.IsOn,
            LogLevel = options.Verbose ? LogLevel.Information : LogLevel.Error,
            Dashboard = options.Dashboard is not null,
        };
        if (options.Connection is { } connection)
        {
            settings = settings with
            {
                Redis = connection.Redis,
                ClusterId = options.Processes ? $"run-{Guid.NewGuid():N}" : connection.ClusterId,
                StartTimeout = connection.JoinTimeout,

                // Silos of the run's own have a secret of the run's own.
                Secret = options.Processes ? settings.Secret : connection.Secret,
                Certificates = connection.Certificates,
            };
        }

        try
        {
            if (options.IsConnected) return await ConnectedCluster.ConnectAsync(settings, interrupted);
            return options.Processes
                ? await ProcessCluster.StartAsync(settings, interrupted)
                : await EmbeddedCluster.StartAsync(settings, interrupted);
        }
        catch (RedisMissingException exception)
        {
            throw new UsageException($"{SiloArguments.Redis}: {exception.Message}; allowed: a Redis that runs");
        }
        catch (ClusterIncompleteException exception)
        {
            throw new UndecidedException(exception.Message);
        }
        catch (ClusterRefusedException exception)
        {
            throw new UsageException(exception.Message);
        }
        catch (Exception exception) when (exception is SiloStartException or StartTimeoutException)
        {
            throw new BedException(exception.Message, exception);
        }
        catch (PortInUseException exception)
        {
            throw new UsageException($"{OneLine.Of(exception.Message)}; allowed: ports without a listener");
        }
    }

    private static ProgressSnapshot Snapshot(
        Campaign campaign, Fleet fleet, LoadLedger load, ReportLedger reports, MigrationLedger migrations, CampaignLoad played,
        ActorCounters counters, IReadOnlyDictionary<LockPlace, long> waits)
    {
        return new ProgressSnapshot(
            TimeSpan.FromMicroseconds(load.NowMicroseconds - played.StartedMicroseconds), campaign.Duration, load.Progress(),
            counters.Vcpu?.Accesses ?? 0, counters.Vcpu?.Faults ?? 0, counters.Vcpu?.FaultRetries ?? 0, reports.ViolationCount)
        {
            Migrations = migrations.Progress(),
            LockWaits = waits.GroupBy(wait => wait.Key.Lock).ToDictionary(group => group.Key, group => group.Sum(wait => wait.Value)),
            DeliveredShare = OutcomeFigures.Load(campaign, reports, load).Share,
        };
    }

    private static async Task<RunOutcome> OutcomeAsync(
        ICluster cluster, Campaign campaign, Fleet fleet, ReportLedger reports, LoadLedger load, MigrationLedger migrations,
        Supervisor supervisor,
        LeakResult leaks, bool interrupted)
    {
        var counters = reports.Counters();
        var locks = reports.Locks();
        var (faults, refills, turns) = reports.Latencies();
        var latencies = load.Latencies();
        latencies["fault"] = LatencySummary.From(faults);
        latencies["tlb-refill"] = LatencySummary.From(refills);
        var (guests, unlisted) = OutcomeFigures.Guests(fleet, reports);
        var failures = reports.Failures().Concat(load.Failures).ToList();
        var silos = await SiloInspector.InspectAsync(cluster, interrupted ? InterruptPatience : null);
        var strangers = interrupted ? [] : await SiloInspector.StrangersAsync(cluster, campaign.Silos);
        return new RunOutcome
        {
            Silos = silos,
            Interrupted = interrupted,
            ContactLost = [.. supervisor.ContactLost, .. failures, .. strangers],
            Counts = OutcomeFigures.Counts(counters, locks, reports.Teardowns, migrations.Counts),
            Reached = OutcomeFigures.Reached(reports.Reached()),
            Load = OutcomeFigures.Load(campaign, reports, load),
            Latency = latencies,
            Locks = locks,
            PotentialCycles = reports.PotentialCycles(),
            Hangs = supervisor.Hangs,
            Violations = reports.Violations(),
            Migrations = new MigrationFigures(campaign).Of(migrations.All),
            TurnQueue = LatencySummary.From(turns),
            Ksm = OutcomeFigures.Ksm(counters),
            Leaks = leaks,
            Guests = guests,
            GuestsUnlisted = unlisted,
            LimitsHit = [.. reports.LimitsHit(), .. migrations.LimitsHit(), .. SiloInspector.LimitsHit(silos), .. supervisor.LimitsHit(),
                .. fleet.LimitsHit(),
                .. SiloInspector.SpansSuppressed(silos, cluster.Client.ServiceProvider.GetService<SuppressedSpans>())],
        };
    }
}
