using System.Diagnostics;
using Livebed.Grains.Benching;
using Livebed.Grains.Placement;
using Livebed.Kvm.Guests;

namespace Livebed.Driver.Benching;

/// <summary>
/// First touches of guest memory, as fast as the vCPUs can make them, against as many calls with nothing in them between actors in the same
/// places, with as many under way. A fault is three calls: vCPU to VM, VM to host for the page, VM to host to put it.
/// </summary>
internal sealed class FaultPathBench : IRatioBench
{
    private const int Silos = 3;
    private const int CallsPerFault = 3;
    private const int TlbEntries = 64;
    private const long PagesMin = 20_000;
    private const long PagesMax = 400_000;
    private const double TouchedMost = 0.98;
    private const double GoalSpread = 0.85;
    private const double GoalPacked = 0.7;

    private const int InFlightOfGoal = 16;

    private static readonly TimeSpan WindowMin = TimeSpan.FromMilliseconds(20);

    /// <summary>As many vCPUs, and so as many faults, are under way.</summary>
    private static readonly int[] _inFlight = [1, 16, 64];

    public string Name => "fault-path";

    public string Summary => "first touches of guest memory against as many empty grain calls";

    public async Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted) =>
    [
        .. await RunAsync(PlacementMode.Spread, GoalSpread, request, progress, interrupted),
        .. await RunAsync(PlacementMode.Packed, GoalPacked, request, progress, interrupted),
    ];

    private async Task<IReadOnlyList<RatioRow>> RunAsync(
        PlacementMode placement, double least, RatioRequest request, Action<string> progress, CancellationToken interrupted)
    {
        var rows = new List<RatioRow>();
        await using var cluster = await BenchCluster.StartAsync(Silos, placement, interrupted);
        foreach (var vcpus in _inFlight)
        {
            var name = $"{Name}-{(placement == PlacementMode.Spread ? "spread" : "packed")}-{vcpus}";
            progress(name);
            var pages = PagesMin;
            var rounds = await Alternation.RunAsync(
                request,
                async window =>
                {
                    var (rate, touched) = await MeasureAsync(cluster, vcpus, pages, window);

                    // Enough for a machine that is half as fast again in the next round.
                    pages = Math.Clamp((long)(touched * 1.5), PagesMin, PagesMax);
                    return rate * CallsPerFault;
                },
                async window => await BareAsync(cluster, vcpus, window) * CallsPerFault,
                interrupted);
            rows.Add(new RatioRow(name, "calls/s", rounds, vcpus == InFlightOfGoal ? new RatioGoal(Least: least) : null));
        }

        return rows;
    }

    /// <summary>Faults a second, and the pages that a VM needs for such a window.</summary>
    private static async Task<(double Rate, double Pages)> MeasureAsync(BenchCluster cluster, int vcpus, long pages, TimeSpan window)
    {
        for (var wait = window; ; wait /= 2, pages = Math.Min(PagesMax, pages * 2))
        {
            var pagesPerVcpu = pages / vcpus;
            var guest = new SyntheticGuestSpec(pagesPerVcpu * BenchCluster.PageSize);
            var vm = await cluster.CreateAsync(vcpus, pagesPerVcpu * vcpus, guest, TlbEntries);
            var (began, before) = (Stopwatch.GetTimestamp(), (await vm.CountAsync()).Vcpu!.Faults);
            await Task.Delay(wait);
            var after = (await vm.CountAsync()).Vcpu!.Faults;
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            await vm.DestroyAsync();

            // One that touched all before the window was over made other accesses too: again, with more pages in less time.
            if (after < pages * TouchedMost || wait < WindowMin) return ((after - before) / seconds, after * (window / wait));
        }
    }

    private static async Task<double> BareAsync(BenchCluster cluster, int vcpus, TimeSpan window)
    {
        var began = Stopwatch.GetTimestamp();
        var calls = Enumerable.Range(0, vcpus)
            .Select(vcpu => cluster.Grains.GetGrain<IBareVcpuGrain>(ActorKeys.Vcpu(vm: 0, incarnation: 0, host: 0, vcpu)))
            .Select(vcpu => vcpu.FaultAsync(window).AsTask());
        var faults = await Task.WhenAll(calls);
        return faults.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
