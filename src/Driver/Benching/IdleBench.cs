using System.Diagnostics;
using Livebed.Grains.Placement;
using Livebed.Kvm.Guests;

namespace Livebed.Driver.Benching;

/// <summary>Processor time of VMs that do nothing: that of a cluster with many of them, less that of the same cluster before.</summary>
internal sealed class IdleBench : IRatioBench
{
    private const int Silos = 2;
    private const int Vms = 1_000;
    private const int Parallel = 16;
    private const int TlbEntries = 64;
    private const double MicrosecondsMost = 5;

    /// <summary>The rarest access that a synthetic guest makes.</summary>
    private static readonly SyntheticGuestSpec _idle = new(BenchCluster.PageSize, AccessesPerSecond: 1);

    public string Name => "idle";

    public string Summary => $"processor time of an idle VM, of {Vms:n0} of them";

    public async Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted)
    {
        progress(Name);
        await using var cluster = await BenchCluster.StartAsync(Silos, PlacementMode.Spread, interrupted);
        await Task.Delay(request.WarmUp, interrupted);
        var without = await MeasureAsync(request, interrupted);
        var vms = new List<RunningVm>();
        foreach (var chunk in Enumerable.Range(0, Vms).Chunk(Parallel))
            vms.AddRange(await Task.WhenAll(chunk.Select(_ => cluster.CreateAsync(vcpus: 1, pages: 1, _idle, TlbEntries))));
        await Task.Delay(request.WarmUp, interrupted);
        var with = await MeasureAsync(request, interrupted);
        foreach (var chunk in vms.Chunk(Parallel)) await Task.WhenAll(chunk.Select(vm => vm.DestroyAsync()));
        var least = Medians.Of(without);
        return
        [
            new RatioRow(
                Name, "us/s each", [.. with.Select(time => new RatioRound((time - least) / Vms))],
                new RatioGoal(MeasuredMost: MicrosecondsMost)),
        ];
    }

    /// <summary>Microseconds of processor time a second, window by window.</summary>
    private static async Task<List<double>> MeasureAsync(RatioRequest request, CancellationToken interrupted)
    {
        var times = new List<double>();
        for (var round = 0; round < request.Rounds; round++)
        {
            var (began, worked) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            await Task.Delay(request.Window, interrupted);
            times.Add((Environment.CpuUsage.TotalTime - worked).TotalMicroseconds / Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return times;
    }
}
