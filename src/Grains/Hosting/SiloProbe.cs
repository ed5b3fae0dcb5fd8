using Livebed.Grains.Placement;
using Orleans.Concurrency;

namespace Livebed.Grains.Hosting;

/// <summary>Looks at its own silo from inside; reentrant, so that a report does not wait for another.</summary>
[LivebedPlacement, GrainType("silo-probe"), Reentrant, KeepAlive]
public sealed class SiloProbe(ILocalSiloDetails silo, IGrainFactory grains) : Grain, ISiloProbe
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

        return new SiloReport(
            silo.Name, Environment.ProcessId, activations, Environment.WorkingSet, GC.CollectionCount(2), ThreadPool.PendingWorkItemCount);
    }
}
