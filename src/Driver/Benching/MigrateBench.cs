using System.Diagnostics;
using Livebed.Driver.Terminal;
using Livebed.Grains.Contracts;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Wire;
using Livebed.Kvm.World;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Livebed.Driver.Benching;

/// <summary>
/// Runs the benchmark: two silos with a host each, in this process and with sockets between them, and a VM that migrates to and fro by the
/// same calls and with the same checks as in a campaign. Raw TCP runs before, between and after, so that a machine that is slow for a while
/// is slow for both. A small VM goes to and fro first, so that code is compiled.
/// </summary>
internal sealed class MigrateBench(BenchRequest request, Action<string> progress)
{
    private const int Hosts = 2;
    private const long WarmUpBytesMax = 16L << 20;
    private const int WarmUpMoves = 30;

    public async Task<BenchResult> RunAsync(CancellationToken interrupted)
    {
        progress($"starting {Hosts} silos");
        await using var cluster = await EmbeddedCluster.StartAsync(
            new ClusterSettings
            {
                Silos = Hosts,
                Placement = PlacementMode.Packed,
                SampleRatio = 0,
                ResponseTimeout = TimeSpan.FromMinutes(2),
                LogLevel = LogLevel.Error,
            },
            interrupted);
        var frames = checked((int)(request.Pages + BenchVm.FramesBeside));
        for (var host = 0; host < Hosts; host++)
            await cluster.Client.GetGrain<IHostMmuGrain>(ActorKeys.Host(host))
                .ConfigureAsync(new HostMessage(ActorKeys.Host(host), frames, request.PageSize, Mutant: null));
        var ids = new OperationIds(origin: 0);
        var violations = new List<Violation>();

        progress("warming up");
        var wires = Enumerable.Range(0, Hosts).Select(host => cluster.ServicesOf(host).GetRequiredService<PageWire>()).ToList();
        var warmUp = new BenchVm(
            cluster.Client, wires[0], request, Math.Min(request.Memory, WarmUpBytesMax) / request.PageSize, ids, index: 1, violations);
        await warmUp.CreateAsync();
        for (var move = 0; move < WarmUpMoves; move++) await warmUp.MoveAsync();
        await warmUp.DestroyAsync();
        Collect();
        RawLoopback.Transfer(Math.Min(request.Memory, WarmUpBytesMax));

        progress("filling the VM's memory");
        var vm = new BenchVm(cluster.Client, wires[0], request, request.Pages, ids, index: 2, violations);
        await vm.CreateAsync();
        Collect();
        var raw = new List<RawRun> { RawLoopback.Transfer(request.Memory) };
        Collect();
        var moves = new List<MeasuredMove>();
        for (var move = 1; move <= request.Moves; move++)
        {
            interrupted.ThrowIfCancellationRequested();
            progress($"{ProgressBar.Of((move - 1.0) / request.Moves)}  migration {move} of {request.Moves}");
            moves.Add(await vm.MoveAsync());
            Collect();
            raw.Add(RawLoopback.Transfer(request.Memory));
            Collect();
        }

        await vm.DestroyAsync();
        return new BenchResult(request, raw, moves, wires.Sum(wire => wire.Traffic.PeakBytes), PeakMemory.Bytes, violations);
    }

    /// <summary>What one part of the measurement has left is not to be measured as the memory of the next.</summary>
    private static void Collect() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}

/// <summary>The most memory that this process ever had resident (VmHWM): what every silo of an embedded cluster has, and the driver. The
/// kernel keeps count, so no moment is missed and looking costs nothing while something else is measured.</summary>
internal static class PeakMemory
{
    public static long Bytes
    {
        get
        {
            using var self = Process.GetCurrentProcess();
            return self.PeakWorkingSet64;
        }
    }
}
