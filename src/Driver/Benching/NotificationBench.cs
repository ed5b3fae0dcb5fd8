using System.Diagnostics;
using Livebed.Grains.Benching;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Benching;

/// <summary>
/// Pages that the host moves to other frames, each with the start and the end of a range that the VM is told, against two calls with
/// nothing in them. Each event moves several pages, so that the driver's own call hardly counts.
/// </summary>
internal sealed class NotificationBench : IRatioBench
{
    private const int Silos = 3;
    private const int InFlight = 16;
    private const int PagesPerEvent = 64;
    private const double Goal = 0.85;

    public string Name => "notification";

    public string Summary => "pages moved by the host, with start and end of a range, against two empty grain calls";

    public async Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted)
    {
        progress(Name);
        await using var cluster = await BenchCluster.StartAsync(Silos, PlacementMode.Spread, interrupted);
        // The guest is idle: it has one page of its own.
        var idle = new SyntheticGuestSpec(BenchCluster.PageSize, AccessesPerSecond: 1);
        var vm = await cluster.CreateAsync(vcpus: 1, InFlight * PagesPerEvent + 1, idle, tlbEntries: 64);
        for (var page = 1; page <= InFlight * PagesPerEvent; page++)
            await vm.Grain.SoftwareWriteAsync(cluster.Next(OperationKind.SoftwareWrite), VmLayout.RamGfn + page);
        var rounds = await Alternation.RunAsync(
            request, window => MoveAsync(cluster, vm, window), window => BareAsync(cluster, vm, window), interrupted);
        await vm.DestroyAsync();
        return [new RatioRow(Name, "ranges/s", rounds, new RatioGoal(Least: Goal))];
    }

    private static Task<double> MoveAsync(BenchCluster cluster, RunningVm vm, TimeSpan window) => RateAsync(window, async worker =>
    {
        var pages = new HvaRange(VmLayout.RamHva + (1 + worker * PagesPerEvent), PagesPerEvent);
        var moved = await cluster.Host.RunEventAsync(
            cluster.Next(HostEventKind.PageMigration), new HostEvent(HostEventKind.PageMigration, vm.AddressSpace, pages));
        return moved.Pages;
    });

    private static Task<double> BareAsync(BenchCluster cluster, RunningVm vm, TimeSpan window) => RateAsync(window, async _ =>
    {
        await cluster.Grains.GetGrain<IBareHostGrain>(ActorKeys.Host(0)).NotifyAsync(vm.Key, PagesPerEvent);
        return PagesPerEvent;
    });

    private static async Task<double> RateAsync(TimeSpan window, Func<int, Task<int>> work)
    {
        var began = Stopwatch.GetTimestamp();
        var done = await Task.WhenAll(Enumerable.Range(0, InFlight).Select(async worker =>
        {
            var count = 0L;
            while (Stopwatch.GetElapsedTime(began) < window) count += await work(worker);
            return count;
        }));
        return done.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
