using System.Globalization;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Livebed.Grains.Hosting;

/// <summary>
/// A cluster that was there before the run and is there after it. The driver finds it by the membership table in Redis, waits until every
/// silo has joined, refuses silos that it would not understand, and holds the cluster for the time of the run.
/// </summary>
public sealed class ConnectedCluster : ICluster
{
    private const int ClockAttempts = 5;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RoundMax = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan EndMax = TimeSpan.FromSeconds(15);

    private readonly IHost _client;
    private DashboardPage? _dashboard;
    private readonly ClusterSettings _settings;
    private readonly string _run = Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
    private readonly TaskCompletionSource<string> _siloLost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ending = new();
    private Exception? _trouble;
    private Task _renewing = Task.CompletedTask;
    private FetchedTraces? _traces;
    private bool _hasBegun;

    private ConnectedCluster(ClusterSettings settings)
    {
        _settings = settings;
        _client = ClusterClientHost.Build(settings, [], SpansPerTrace, failure => _trouble = failure);
        SiloNames = Enumerable.Range(0, settings.Silos).Select(ActorKeys.Silo).ToList();
    }

    public IClusterClient Client => _client.Services.GetRequiredService<IClusterClient>();
    public IReadOnlyList<string> SiloNames { get; private set; }
    public Func<string, Task<bool>>? Evacuate { get; set; }
    public PlacementMode Placement => _settings.Placement;
    public Task<string> SiloLost => _siloLost.Task;
    public Uri? Dashboard => _dashboard?.Address;

    /// <param name="settings">with the Redis and the cluster's id; the time limit is <see cref="ClusterSettings.StartTimeout"/></param>
    /// <param name="cancellationToken">gives it up</param>
    /// <exception cref="RedisMissingException">There is no Redis where the settings say.</exception>
    /// <exception cref="ClusterIncompleteException">Silos are missing when the time is up.</exception>
    /// <exception cref="ClusterRefusedException">The cluster is another one than the driver can use.</exception>
    public static async Task<ConnectedCluster> ConnectAsync(ClusterSettings settings, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(settings.Redis);
        var cluster = new ConnectedCluster(settings);
        try
        {
            await RedisMembership.WaitAsync(settings.Redis, AnswerMax, cancellationToken);
            await cluster.WaitUntilWholeAsync(cancellationToken);
            await cluster.BeginAsync(cancellationToken);
            if (settings.Dashboard) cluster._dashboard = await DashboardPage.StartAsync(settings, [], cancellationToken);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>What each silo that answers says about itself, without a run.</summary>
    public static async Task<IReadOnlyList<SiloState>> LookAsync(ClusterSettings settings, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        await using var cluster = new ConnectedCluster(settings);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(settings.StartTimeout);
        IReadOnlyList<SiloState> states = [];
        try
        {
            await cluster._client.StartAsync(patience.Token);

            // A machine that is too busy to answer in time is asked again.
            for (; ; )
            {
                var names = await cluster.ActiveAsync();
                var answers = await Task.WhenAll(names.Select(
                    name => OrNothingAsync(() => cluster.Probe(name).StateAsync().AsTask()!)));
                states = [.. answers.OfType<SiloState>().OrderBy(state => state.Silo, SiloOrder.ByName)];
                if (names.Count > 0 && states.Count == names.Count) return states;
                await Task.Delay(Pause, patience.Token);
            }
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            // No gateway answers, or not every silo does.
            return states;
        }
    }

    /// <summary>Each process counts for itself what it adds to a trace: the silos and the driver share the allowance.</summary>
    private int SpansPerTrace => RootSampler.DefaultSpansPerTrace / (_settings.Silos + 1);

    private ISiloProbe Probe(string silo) => Client.GetGrain<ISiloProbe>(silo);

    private async Task WaitUntilWholeAsync(CancellationToken cancellationToken)
    {
        var began = TimeProvider.System.GetTimestamp();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_settings.StartTimeout);
        IReadOnlyList<string> present = [];
        try
        {
            await _client.StartAsync(patience.Token);
            for (; ; )
            {
                present = await AnsweringAsync(patience.Token);
                if (!SiloNames.Except(present).Any()) break;
                await Task.Delay(Pause, patience.Token);
            }
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            var missing = SiloNames.Except(present).ToList();
            var reason = failure is OperationCanceledException ? (present.Count == 0 ? _trouble : null) : failure;
            var why = reason is null ? "" : $" ({reason.GetBaseException().Message})";
            throw new ClusterIncompleteException(
                $"{SiloNames.Count - missing.Count} of {SiloNames.Count} silos joined the cluster {_settings.ClusterId} within "
                    + $"{TimeProvider.System.GetElapsedTime(began).TotalSeconds:0} s; missing: {string.Join(", ", missing)}{why}",
                missing);
        }

        var more = present.Except(SiloNames).ToList();
        if (more.Count > 0)
            throw new ClusterRefusedException(
                $"silos {SiloNames.Count}: the cluster {_settings.ClusterId} has {present.Count} silos ({string.Join(", ", more)} too); "
                    + $"allowed: --silos {present.Count}");
    }

    /// <summary>Silos that are members and answer: a silo that was killed is a member until the others have noticed.</summary>
    private async Task<IReadOnlyList<string>> AnsweringAsync(CancellationToken cancellationToken)
    {
        var names = await ActiveAsync().WaitAsync(cancellationToken);
        var answers = await Task.WhenAll(names.Select(name => OrNothingAsync(async () => await Probe(name).IdentifyAsync())))
            .WaitAsync(cancellationToken);
        return [.. names.Where((_, index) => answers[index] is not null)];
    }

    private async Task<IReadOnlyList<string>> ActiveAsync()
    {
        var members = await OrNothingAsync(
            async () => await Client.GetGrain<IManagementGrain>(0).GetDetailedHosts(onlyActive: true));
        return [.. (members ?? []).Select(member => member.SiloName).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Every silo is asked what it is, and told of the run. A silo that refuses leaves none that has begun.</summary>
    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        var shifts = new List<long>();
        foreach (var silo in SiloNames) shifts.Add(await MeetAsync(silo).WaitAsync(cancellationToken));
        var driver = $"process {Environment.ProcessId} on {Environment.MachineName}";
        _hasBegun = true;
        var (thresholds, file) = (_settings.Thresholds, _settings.Telemetry.File);
        var tracing = new TracingTerms(
            thresholds.LockWaitMicroseconds, thresholds.FaultMicroseconds, thresholds.FaultRetries, _settings.SampleRatio, SpansPerTrace,
            file is not null);
        var answers = await Task.WhenAll(SiloNames.Select((silo, index) => Probe(silo).BeginRunAsync(new RunTicket(
            _run, driver, _settings.Seed, _settings.PreemptionShare, _settings.Placement, SiloNames.Count, tracing,
            shifts[index])))).WaitAsync(cancellationToken);
        if (answers.FirstOrDefault(answer => answer is not null) is { } refusal) throw new ClusterRefusedException(refusal);
        _renewing = Task.WhenAll(SiloNames.Select(RenewAsync));
        if (file is not null)
            _traces = new FetchedTraces(
                file, SiloNames, (silo, from, isOver) => Probe(silo).FetchTracesAsync(_run, from, isOver));
    }

    /// <returns>what the silo has to add to its clock; nothing on the driver's own machine</returns>
    private async Task<long> MeetAsync(string silo)
    {
        var (best, shift) = (long.MaxValue, 0L);
        for (var attempt = 0; attempt < ClockAttempts; attempt++)
        {
            var asked = TimeProvider.System.MonotonicMicroseconds();
            var identity = await Probe(silo).IdentifyAsync();
            var took = TimeProvider.System.MonotonicMicroseconds() - asked;
            if (identity.ProblemWith(SiloIdentity.Own(0)) is { } problem)
                throw new ClusterRefusedException($"{silo} {problem}; allowed: the same build everywhere");
            if (took >= best) continue;
            best = took;
            shift = asked + took / 2 - identity.ClockMicroseconds;
        }

        // Within the time of the call it is the same clock.
        return Math.Abs(shift) <= best ? 0 : shift;
    }

    /// <summary>Says every second that the driver is there. A silo that serves the run no more, or is silent for as long as it would bear
    /// itself, is lost.</summary>
    private async Task RenewAsync(string silo)
    {
        var heard = Environment.TickCount64;
        var hasLeft = false;
        while (!_ending.IsCancellationRequested)
        {
            await Task.Delay(RunLease.RenewalInterval, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_ending.IsCancellationRequested) return;
            RunRenewal? answer = null;
            try
            {
                answer = await Probe(silo).RenewRunAsync(_run).AsTask().WaitAsync(AnswerMax);
            }
            catch (Exception)
            {
                // A silo that stops or dies answers with exceptions of many kinds; it is asked again.
            }

            if (answer is RunRenewal.Serves or RunRenewal.Leaving) heard = Environment.TickCount64;
            if (answer == RunRenewal.Leaving && !hasLeft)
            {
                hasLeft = true;
                _ = EvacuateAsync(silo);
            }

            if (!SiloNames.Contains(silo)) return;
            if (answer == RunRenewal.Gone || Environment.TickCount64 - heard > RunLease.SilenceMax.TotalMilliseconds)
            {
                _siloLost.TrySetResult(silo);
                return;
            }
        }
    }

    /// <summary>The silo ends: nothing is made on it any more, what is on it goes elsewhere, and then it belongs to the run no more. Where
    /// that does not succeed, its end is the loss of a silo.</summary>
    private async Task EvacuateAsync(string silo)
    {
        try
        {
            await Task.WhenAll(SiloNames.Select(name => Probe(name).ExcludeAsync(_run, silo).AsTask())).WaitAsync(AnswerMax);
            if (Evacuate is not { } evacuate || !await evacuate(silo)) return;
            lock (_ending) SiloNames = [.. SiloNames.Where(name => name != silo)];

            // A round of reports that is under way may still ask it.
            await Task.Delay(RoundMax, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_traces is not null) await _traces.EndAsync(silo);
            await Probe(silo).ReleaseAsync(_run).AsTask().WaitAsync(AnswerMax);
        }
        catch (Exception)
        {
            // A silo that stops or dies answers with exceptions of many kinds: whoever did has not been evacuated, or has gone already.
        }
    }

    /// <summary>A silo that stops or dies answers with exceptions of many kinds. Each is no answer.</summary>
    private static async Task<T?> OrNothingAsync<T>(Func<Task<T?>> call) where T : class
    {
        try
        {
            return await call().WaitAsync(AnswerMax);
        }
        catch (Exception)
        {
            return null;
        }
    }

    /// <summary>The run is over: its silos are told and stay.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_ending.IsCancellationRequested) return;
        if (_traces is not null) await _traces.EndAllAsync();
        await _ending.CancelAsync();
        await _renewing;
        if (_hasBegun)
            await Task.WhenAll(SiloNames.Select(silo => Probe(silo).EndRunAsync(_run))).WaitAsync(EndMax)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_dashboard is not null) await _dashboard.DisposeAsync();
        await _client.StopWithinBoundAsync();
        _ending.Dispose();
    }
}

/// <summary>Silos of a cluster are missing; the message names them.</summary>
public sealed class ClusterIncompleteException(string message, IReadOnlyList<string> missing) : Exception(message)
{
    public IReadOnlyList<string> Missing { get; } = missing;
}

/// <summary>A cluster is not what the driver can use; the message says why, and what is allowed.</summary>
public sealed class ClusterRefusedException(string message) : Exception(message);
