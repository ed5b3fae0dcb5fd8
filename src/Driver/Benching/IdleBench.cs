using System.Diagnostics;
using Livebed.Driver.Running;
using Livebed.Grains.Placement;
using Livebed.Kvm.Guests;

namespace Livebed.Driver.Benching;

/// <summary>
/// Processor time of VMs that do nearly nothing: that of a cluster with many of them, less that of the same cluster before and after. By
/// itself, and with a driver that asks the silos for reports as often as in a run.
/// </summary>
internal sealed class IdleBench : IRatioBench
{
    private const int Silos = 2;
    private const int Vms = 1_000;
    private const int TlbEntries = 64;
    private const double MicrosecondsMost = 5;

    private static readonly TimeSpan _between = TimeSpan.FromMilliseconds(400);

    /// <summary>The rarest access that a synthetic guest makes.</summary>
    private static readonly SyntheticGuestSpec _idle = new(BenchCluster.PageSize, AccessesPerSecond: 1);

    public string Name => "idle";

    public string Summary => $"processor time of an idle VM, of {Vms:n0} of them";

    public async Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted)
    {
        progress(Name);
        await using var cluster = await BenchCluster.StartAsync(Silos, PlacementMode.Spread, interrupted);
        await Task.Delay(request.WarmUp, interrupted);
        var (without, reportedWithout) = await MeasureAsync(cluster, request, interrupted);
        var vms = await cluster.CreateAsync(Vms, pages: 1, _idle, TlbEntries, interrupted);
        await Task.Delay(request.WarmUp, interrupted);
        var (with, reportedWith) = await MeasureAsync(cluster, request, interrupted);
        await ManyVms.EachAsync(vms, vm => vm.DestroyAsync());
        await Task.Delay(request.WarmUp, interrupted);
        var (after, reportedAfter) = await MeasureAsync(cluster, request, interrupted);
        return [Row(Name, with, without, after), Row($"{Name}-reported", reportedWith, reportedWithout, reportedAfter)];
    }

    /// <summary>What the cluster needs by itself is the less of before and after: code may still be compiled before, and memory given back
    /// after.</summary>
    private static RatioRow Row(string name, List<double> with, List<double> before, List<double> after)
    {
        var least = Math.Min(Medians.Of(before), Medians.Of(after));
        return new RatioRow(
            name, "us/s each", [.. with.Select(time => new RatioRound((time - least) / Vms))],
            new RatioGoal(MeasuredMost: MicrosecondsMost));
    }

    /// <summary>Microseconds of processor time a second, window by window, without reports and with them by turns.</summary>
    private static async Task<(List<double> Quiet, List<double> Reported)> MeasureAsync(
        BenchCluster cluster, RatioRequest request, CancellationToken interrupted)
    {
        var (quiet, reported) = (new List<double>(), new List<double>());
        for (var round = 0; round < request.Rounds; round++)
        {
            quiet.Add(await MeasureAsync(() => Task.Delay(request.Window, interrupted)));
            reported.Add(await MeasureAsync(async () =>
            {
                for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < request.Window;)
                {
                    await cluster.CollectAsync();
                    await Task.Delay(_between < request.Window ? _between : request.Window, interrupted);
                }
            }));
        }

        return (quiet, reported);
    }

    private static async Task<double> MeasureAsync(Func<Task> wait)
    {
        var (began, worked) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        await wait();
        return (Environment.CpuUsage.TotalTime - worked).TotalMicroseconds / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
