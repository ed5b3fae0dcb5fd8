using Livebed.Grains.Actors;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Wire;
using Orleans.Concurrency;

namespace Livebed.Grains.Hosting;

/// <summary>Looks at its own silo from inside; reentrant, so that a report does not wait for another.</summary>
[LivebedPlacement, GrainType("silo-probe"), Reentrant, KeepAlive]
internal sealed class SiloProbe(ILocalSiloDetails silo, IGrainFactory grains, PageWire wire, RunLease lease, LocalActors actors,
    SiloTelemetry telemetry)
    : Grain, ISiloProbe
{
    private const string OwnNamespace = "Livebed.";

    public ValueTask PingAsync() => ValueTask.CompletedTask;

    public ValueTask<SiloIdentity> IdentifyAsync() =>
        ValueTask.FromResult(SiloIdentity.Own(TimeProvider.System.MonotonicMicroseconds()));

    public Task<string?> BeginRunAsync(RunTicket ticket) => lease.BeginAsync(ticket);

    public ValueTask<RunRenewal> RenewRunAsync(string run) => ValueTask.FromResult(lease.Renew(run));

    public ValueTask ExcludeAsync(string run, string silo)
    {
        lease.Exclude(run, silo);
        return ValueTask.CompletedTask;
    }

    public ValueTask ReleaseAsync(string run)
    {
        lease.Release(run);
        return ValueTask.CompletedTask;
    }

    public Task<TracePiece?> FetchTracesAsync(string run, long from, bool isOver) => lease.FetchTracesAsync(run, from, isOver);

    public Task EndRunAsync(string run) => lease.EndAsync(run);

    public ValueTask<SiloState> StateAsync() => ValueTask.FromResult(new SiloState(
        silo.Name, Environment.ProcessId, silo.SiloAddress.Endpoint.ToString(), lease.Run?.Driver, actors.CountOf(ActorRole.Vm)));

    public async Task<SiloReport> ReportAsync()
    {
        var statistics = await grains.GetGrain<IManagementGrain>(0).GetSimpleGrainStatistics([silo.SiloAddress]);
        var activations = new Dictionary<string, int>();
        foreach (var entry in statistics)
        {
            // "namespace.class,assembly"
            var type = entry.GrainType.Split(',')[0];
            if (type.StartsWith(OwnNamespace, StringComparison.Ordinal) && type != typeof(SiloProbe).FullName)
                activations[type] = activations.GetValueOrDefault(type) + entry.ActivationCount;
        }

        return new SiloReport(silo.Name, Environment.ProcessId, activations, wire.ConnectionsRefused, telemetry.Suppressed.Read());
    }
}

/// <summary>One for each silo, on that silo; its key is the silo's name.</summary>
[Alias("Livebed.ISiloProbe")]
public interface ISiloProbe : IGrainWithStringKey
{
    /// <summary>An empty call: what a call to this silo costs before it does anything.</summary>
    [Alias("Ping")]
    ValueTask PingAsync();

    [Alias("Report")]
    Task<SiloReport> ReportAsync();

    /// <summary>What the silo is; asked before anything else.</summary>
    [Alias("Identify")]
    ValueTask<SiloIdentity> IdentifyAsync();

    /// <summary>What `livebed cluster status` shows.</summary>
    [Alias("State")]
    ValueTask<SiloState> StateAsync();

    /// <summary>A driver begins a run on a cluster that was there before; all silos are told before any actor is made.</summary>
    /// <returns>why not; null when the run has begun</returns>
    [Alias("BeginRun")]
    Task<string?> BeginRunAsync(RunTicket ticket);

    /// <summary>The driver is still there.</summary>
    [Alias("RenewRun")]
    ValueTask<RunRenewal> RenewRunAsync(string run);

    /// <summary>A silo of the run is asked to end: no actor is made on it any more.</summary>
    [Alias("Exclude")]
    ValueTask ExcludeAsync(string run, string silo);

    /// <summary>The run needs this silo no more: it may end.</summary>
    [Alias("Release")]
    ValueTask ReleaseAsync(string run);

    /// <summary>Spans of the run that the driver does not have. The same call again gives the same.</summary>
    /// <param name="run">the run</param>
    /// <param name="from">how many lines of them the driver has</param>
    /// <param name="isOver">the driver needs none that end from now on</param>
    /// <returns>null when the silo serves another run, or none, or a run without spans</returns>
    [Alias("FetchTraces")]
    Task<TracePiece?> FetchTracesAsync(string run, long from, bool isOver);

    /// <summary>The run is over: what it left on the silo is cleared.</summary>
    [Alias("EndRun")]
    Task EndRunAsync(string run);
}

/// <summary>How a silo of a lasting cluster is.</summary>
/// <param name="Silo">its name</param>
/// <param name="ProcessId">of its process</param>
/// <param name="Address">where other silos connect</param>
/// <param name="Driver">whose run it serves; null for none</param>
/// <param name="Vms">VMs whose actor is on it</param>
[GenerateSerializer, Immutable, Alias("Livebed.SiloState")]
public sealed record SiloState(string Silo, int ProcessId, string Address, string? Driver, int Vms);

/// <summary>What one silo says about itself. Memory and collections are those of its process, which silos may share.</summary>
/// <param name="Silo">its name</param>
/// <param name="ProcessId">of the process that it runs in</param>
/// <param name="Activations">actors that live on it, by grain class, probes excepted; all zero when nothing leaked</param>
/// <param name="PageConnectionsRefused">connections for pages that it refused, as many as it takes were open</param>
/// <param name="SpansSuppressed">spans that a limit kept out in this run, by the limit</param>
[GenerateSerializer, Immutable, Alias("Livebed.SiloReport")]
public sealed record SiloReport(
    string Silo, int ProcessId, IReadOnlyDictionary<string, int> Activations, long PageConnectionsRefused,
    IReadOnlyDictionary<SpanLimit, long> SpansSuppressed);
