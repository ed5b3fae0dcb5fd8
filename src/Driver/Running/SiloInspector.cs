using System.Collections.Frozen;
using Livebed.Driver.Results;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Wire;

namespace Livebed.Driver.Running;

/// <summary>Asks the silos for their names, and for the number of VM and vCPU activations on them.</summary>
internal static class SiloInspector
{
    private const int Attempts = 2;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Classes of actors that come and go with VMs; hosts and probes stay until the cluster ends.</summary>
    private static readonly string[] VmActors = ["VmGrain", "VcpuGrain"];

    /// <param name="cluster">whose silos are asked</param>
    /// <param name="patience">after that only their names are told, and none counts as lost; null waits for each as long as a call may
    /// take</param>
    public static async Task<IReadOnlyList<SiloResult>> InspectAsync(ICluster cluster, TimeSpan? patience = null)
    {
        try
        {
            return await InspectAllAsync(cluster).WaitAsync(patience ?? Timeout.InfiniteTimeSpan);
        }
        catch (TimeoutException)
        {
            return [.. cluster.SiloNames.Select(name => new SiloResult(name, "", 0, ContactLost: false))];
        }
    }

    private static async Task<IReadOnlyList<SiloResult>> InspectAllAsync(ICluster cluster)
    {
        var addresses = await AddressesAsync(cluster);
        return await Task.WhenAll(cluster.SiloNames.Select(async name =>
        {
            var report = await AskAsync(cluster, name);
            return new SiloResult(
                name, addresses.GetValueOrDefault(name, ""), report?.ProcessId ?? 0, ContactLost: report is null,
                report?.PageConnectionsRefused ?? 0)
            {
                SpansSuppressed = report?.SpansSuppressed ?? FrozenDictionary<SpanLimit, long>.Empty,
            };
        }));
    }

    /// <summary>The cluster has exactly the silos that it is said to have. What another one did to the run is not known.</summary>
    /// <param name="cluster">whose members are asked for</param>
    /// <param name="silos">that it began with; one that has left may still be on its way out</param>
    /// <returns>a sentence for each that was not</returns>
    public static async Task<IReadOnlyList<string>> StrangersAsync(ICluster cluster, int silos)
    {
        var expected = Enumerable.Range(0, silos).Select(ActorKeys.Silo).ToHashSet();
        var members = await MembersAsync(cluster);
        return [.. members.Where(member => !expected.Remove(member.SiloName))
            .Select(member => $"a silo that does not belong to it joined the cluster: {member.SiloName} at {member.SiloAddress.Endpoint}")];
    }

    /// <summary>A silo that refuses connections fails the migrations that come to it, and no migration knows why.</summary>
    public static IEnumerable<LimitHit> LimitsHit(IEnumerable<SiloResult> silos) => silos
        .Where(silo => silo.PageConnectionsRefused > 0)
        .Select(silo => new LimitHit(
            "pageConnections", silo.PageConnectionsRefused, $"{silo.Name} refused connections for pages, as {PageWire.ConnectionsMax} "
                + "were open: migrations to it failed or went on later"));

    /// <summary>A viewer or an analysis does not have all that was out of the ordinary.</summary>
    /// <param name="silos">what they kept out</param>
    /// <param name="driver">what the driver's process kept out</param>
    public static IEnumerable<LimitHit> SpansSuppressed(IEnumerable<SiloResult> silos, SuppressedSpans? driver)
    {
        var all = silos.SelectMany(silo => silo.SpansSuppressed).Concat(driver?.Read() ?? FrozenDictionary<SpanLimit, long>.Empty);
        return all.GroupBy(entry => entry.Key, entry => entry.Value).OrderBy(limit => limit.Key).Select(limit => limit.Key switch
        {
            SpanLimit.Rate => new LimitHit(
                "promotedSpans", limit.Sum(), "slow or retried faults and long lock waits have no span of their own, as a silo makes only "
                    + "so many a second; figures count them all"),
            SpanLimit.TraceBudget => new LimitHit(
                "traceSpans", limit.Sum(), "spans were left out, as a trace has only so many from one process"),
            _ => new LimitHit(
                "tracedOperations", limit.Sum(), "lock waits may be missing from the traces of their operations, as an actor remembers "
                    + "only so many"),
        });
    }

    /// <summary>Of VMs and vCPUs; null if a silo does not answer.</summary>
    public static async Task<long?> CountActivationsAsync(ICluster cluster)
    {
        var silos = await Task.WhenAll(cluster.SiloNames.Select(name => AskAsync(cluster, name)));
        return silos.Contains(null) ? null : silos.Sum(report => report!.Activations
            .Where(entry => VmActors.Any(actor => entry.Key.Contains(actor, StringComparison.Ordinal))).Sum(entry => (long)entry.Value));
    }

    /// <summary>A call may have gone by way of a silo that has just died, so a silo that does not answer is asked again, a little
    /// later.</summary>
    private static async Task<SiloReport?> AskAsync(ICluster cluster, string silo)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (attempt > 0) await Task.Delay(Pause);
            var report = await OrNothingAsync<SiloReport?>(
                null, () => cluster.Client.GetGrain<ISiloProbe>(silo).ReportAsync().WaitAsync(AnswerTimeout)!);
            if (report is not null) return report;
        }

        return null;
    }

    private static async Task<Dictionary<string, string>> AddressesAsync(ICluster cluster)
    {
        var addresses = new Dictionary<string, string>();
        foreach (var member in await MembersAsync(cluster)) addresses[member.SiloName] = member.SiloAddress.Endpoint.ToString();
        return addresses;
    }

    private static Task<MembershipEntry[]> MembersAsync(ICluster cluster) => OrNothingAsync<MembershipEntry[]>(
        [], () => cluster.Client.GetGrain<IManagementGrain>(0).GetDetailedHosts(onlyActive: true).WaitAsync(AnswerTimeout));

    /// <summary>A silo that stops or dies answers with exceptions of many kinds, and so does a client without a gateway. Each is no answer:
    /// the verdict is known here and must not be lost.</summary>
    private static async Task<T> OrNothingAsync<T>(T nothing, Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception)
        {
            return nothing;
        }
    }
}
