using System.Diagnostics;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Benching;

/// <summary>
/// Operations of a driver under load, with spans that go into a file as in a run, against the same without. Listeners are of the process,
/// so each turn has a cluster of its own, and its start is in no figure.
/// </summary>
internal sealed class TracingBench : IRatioBench
{
    private const int Silos = 3;
    private const int InFlight = 16;
    private const int Vcpus = 4;
    private const int PagesPerEvent = 16;
    private const int TlbEntries = 64;
    private const double GoalOfDefault = 0.97;

    /// <summary>Of a campaign's operations, by default.</summary>
    private static readonly double _default = new Campaigns.TelemetrySettings().SampleRatio;

    public string Name => "tracing";

    public string Summary => "operations with spans, sampled as by default and all, against those without";

    public async Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted)
    {
        var rows = new List<RatioRow>();
        foreach (var (name, ratio, goal) in new[] { ("default", _default, new RatioGoal(Least: GoalOfDefault)), ("full", 1.0, null) })
        {
            progress($"{Name}: {name}");
            var rounds = await Alternation.RunAsync(
                request, window => MeasureAsync(ratio, window, interrupted), window => MeasureAsync(null, window, interrupted),
                interrupted);
            rows.Add(new RatioRow($"{Name}-{name}", "ranges/s", rounds, goal));
        }

        return rows;
    }

    private static async Task<double> MeasureAsync(double? sampleRatio, TimeSpan window, CancellationToken interrupted)
    {
        if (sampleRatio is null) return await MeasureAsync(null, 0, window, interrupted);
        var folder = Directory.CreateTempSubdirectory("livebed-bench-");
        try
        {
            using var file = new TraceFile(Path.Combine(folder.FullName, "traces"));
            return await MeasureAsync(file, sampleRatio.Value, window, interrupted);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<double> MeasureAsync(TraceFile? file, double sampleRatio, TimeSpan window, CancellationToken interrupted)
    {
        await using var cluster = await BenchCluster.StartAsync(Silos, PlacementMode.Spread, interrupted, sampleRatio, file);
        var guest = new SyntheticGuestSpec(InFlight * PagesPerEvent / Vcpus * BenchCluster.PageSize, AccessesPerSecond: 1_000);
        var vm = await cluster.CreateAsync(Vcpus, InFlight * PagesPerEvent, guest, TlbEntries);

        // All pages are there, and what is called first is compiled.
        await RateAsync(cluster, vm, window / 2);
        var rate = await RateAsync(cluster, vm, window);
        await vm.DestroyAsync();
        return rate;
    }

    private static async Task<double> RateAsync(BenchCluster cluster, RunningVm vm, TimeSpan window)
    {
        var began = Stopwatch.GetTimestamp();
        var done = await Task.WhenAll(Enumerable.Range(0, InFlight).Select(async worker =>
        {
            var count = 0L;
            var pages = new HvaRange(VmLayout.RamHva + worker * PagesPerEvent, PagesPerEvent);
            while (Stopwatch.GetElapsedTime(began) < window)
            {
                var op = cluster.Next(HostEventKind.PageMigration);
                using var span = LivebedTelemetry.StartOperation(HostEventKind.PageMigration, new OperationId(op.OperationId));
                await cluster.Host.RunEventAsync(op, new HostEvent(HostEventKind.PageMigration, vm.AddressSpace, pages));
                span.Outcome = OperationOutcome.Ok;
                count += PagesPerEvent;
            }

            return count;
        }));
        return done.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
