using Livebed.Grains.Placement;
using Livebed.Grains.Wire;
using Orleans.Concurrency;

namespace Livebed.Grains.Hosting;

/// <summary>Looks at its own silo from inside; reentrant, so that a report does not wait for another.</summary>
[LivebedPlacement, GrainType("silo-probe"), Reentrant, KeepAlive]
public sealed class SiloProbe(ILocalSiloDetails silo, IGrainFactory grains, PageWire wire) : Grain, ISiloProbe
{
    private const string OwnNamespace = "Livebed.";

    public ValueTask PingAsync() => ValueTask.CompletedTask;

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

        return new SiloReport(silo.Name, Environment.ProcessId, activations, wire.ConnectionsRefused);
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
}

/// <summary>What one silo says about itself. Memory and collections are those of its process, which silos may share.</summary>
/// <param name="Silo">its name</param>
/// <param name="ProcessId">of the process that it runs in</param>
/// <param name="Activations">actors that live on it, by grain class, probes excepted; all zero when nothing leaked</param>
/// <param name="PageConnectionsRefused">connections for pages that it refused, as many as it takes were open</param>
[GenerateSerializer, Immutable, Alias("Livebed.SiloReport")]
public sealed record SiloReport(string Silo, int ProcessId, IReadOnlyDictionary<string, int> Activations, long PageConnectionsRefused);
