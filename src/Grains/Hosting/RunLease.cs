using Livebed.Grains.Actors;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Wire;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Livebed.Grains.Hosting;

/// <summary>
/// The run that a silo of a lasting cluster serves. A driver begins it, says every few seconds that it is still there, and ends it. A run
/// whose driver is silent for <see cref="SilenceMax"/> is over: its VMs end, and the next driver may begin. What a run leaves is cleared,
/// so that the next one finds a silo as it was when it started. A silo that cannot be cleared ends itself.
/// </summary>
internal sealed partial class RunLease(
    SiloTelemetry telemetry, ClusterWorldOptions world, IOptions<LivebedPlacementOptions> placement, LocalActors actors,
    LocalHosts hosts, SiloBoard board, PageWire wire, ShiftedTime clock, SpanPipeline spans,
    IHostApplicationLifetime lifetime, ILogger<RunLease> log) : BackgroundService
{
    /// <summary>How long a driver may be silent.</summary>
    public static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(8);

    /// <summary>How often a driver says that it is there.</summary>
    public static readonly TimeSpan RenewalInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan ClearMax = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim _turn = new(1);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private RunTicket? _run;
    private bool _isLeaving;
    private long _renewed;

    /// <summary>The run that the silo serves; null for none.</summary>
    public RunTicket? Run => Volatile.Read(ref _run);

    /// <returns>why not, as a sentence without its end; null when the run has begun</returns>
    public async Task<string?> BeginAsync(RunTicket ticket)
    {
        await _turn.WaitAsync();
        try
        {
            if (_isLeaving) return $"{telemetry.Silo} was asked to end; allowed: a cluster whose silos stay";
            if (_run is { } other && other.Run != ticket.Run)
                return $"{telemetry.Silo} serves the run of {other.Driver}; allowed: one run at a time";
            await ClearAsync($"run {ticket.Run} begins");
            (world.Seed, world.PreemptionShare) = (ticket.Seed, ticket.PreemptionShare);
            (placement.Value.Mode, placement.Value.Silos, placement.Value.Leaving) = (ticket.Placement, ticket.Silos, []);
            telemetry.Thresholds = telemetry.Thresholds with
            {
                LockWaitMicroseconds = ticket.Tracing.LockWaitMicroseconds,
                FaultMicroseconds = ticket.Tracing.FaultMicroseconds,
                FaultRetries = ticket.Tracing.FaultRetries,
            };
            spans.BeginRun((long)ticket.Seed, ticket.Tracing);
            clock.ShiftMicroseconds = ticket.ClockShiftMicroseconds;
            telemetry.Running.Restart();
            telemetry.Suppressed.Clear();
            telemetry.Latencies.Reset();
            _renewed = Environment.TickCount64;
            Volatile.Write(ref _run, ticket);
            return null;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>The driver is still there.</summary>
    public RunRenewal Renew(string run)
    {
        if (Run?.Run != run) return RunRenewal.Gone;
        Volatile.Write(ref _renewed, Environment.TickCount64);
        return Volatile.Read(ref _isLeaving) ? RunRenewal.Leaving : RunRenewal.Serves;
    }

    /// <summary>Spans of the run that its driver does not have.</summary>
    /// <param name="run">the driver's</param>
    /// <param name="from">how many lines of them it has</param>
    /// <param name="isOver">it needs none that end from now on</param>
    /// <returns>null when the silo serves another run, or none</returns>
    public async Task<TracePiece?> FetchTracesAsync(string run, long from, bool isOver)
    {
        if (Run?.Run != run || spans.Part is not { } part) return null;
        if (isOver) await Task.Run(part.Close);
        return part.Read(from);
    }

    /// <summary>Another silo of the run is asked to end: nothing is made on it any more.</summary>
    public void Exclude(string run, string silo)
    {
        if (Run?.Run == run) placement.Value.Leaving = placement.Value.Leaving.Add(silo);
    }

    /// <summary>The driver needs the silo no more.</summary>
    public void Release(string run)
    {
        if (Run?.Run == run) _released.TrySetResult();
    }

    /// <summary>The silo was asked to end. A driver moves its VMs to other hosts meanwhile; without a run there is nothing to wait
    /// for.</summary>
    /// <returns>VMs that are lost with the silo, because they were not moved away within the time</returns>
    public async Task<int> DrainAsync(TimeSpan patience)
    {
        if (Run is null) return 0;
        Volatile.Write(ref _isLeaving, true);
        await _released.Task.WaitAsync(patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_released.Task.IsCompleted) return 0;
        var lost = actors.CountOf(ActorRole.Vm);
        NotMoved(telemetry.Silo, lost, patience.TotalSeconds);
        return lost;
    }

    /// <summary>Ends the run, if it is the silo's.</summary>
    public async Task EndAsync(string run)
    {
        await _turn.WaitAsync();
        try
        {
            if (_run?.Run != run) return;
            await ClearAsync($"run {run} is over");
            spans.EndRun();
            Volatile.Write(ref _run, null);
            if (_isLeaving) _released.TrySetResult();
        }
        finally
        {
            _turn.Release();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Look);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (Run is not { } run) continue;
                if (Environment.TickCount64 - Volatile.Read(ref _renewed) < SilenceMax.TotalMilliseconds) continue;
                DriverGone(telemetry.Silo, run.Driver, SilenceMax.TotalSeconds);
                await EndAsync(run.Run);
            }
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
    }

    private async Task ClearAsync(string reason)
    {
        if (!await actors.EndAllAsync(reason, ClearMax))
        {
            CannotClear(telemetry.Silo, actors.Count, ClearMax.TotalSeconds);
            lifetime.StopApplication();
        }

        hosts.Clear();
        board.Clear();
        wire.CloseAll();
    }

    [LoggerMessage(LogLevel.Error, "{Silo}: the driver of the run ({Driver}) is silent for {Seconds} s: the run is over and its VMs end")]
    private partial void DriverGone(string silo, string driver, double seconds);

    [LoggerMessage(LogLevel.Error, "{Silo}: {Count} VMs with actors on it were not moved away within {Seconds} s and are lost with it")]
    private partial void NotMoved(string silo, int count, double seconds);

    [LoggerMessage(LogLevel.Error, "{Silo}: {Count} actors of the last run did not end within {Seconds} s: the silo ends")]
    private partial void CannotClear(string silo, int count, double seconds);
}
