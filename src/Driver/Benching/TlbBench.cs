using System.Diagnostics;
using Livebed.Grains.Placement;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Benching;

/// <summary>
/// Accesses that the TLB translates, of one vCPU beside its host, against the same accesses of the same program on a plain array in a loop:
/// a read of the page's two words, or a write of them.
/// </summary>
internal sealed class TlbBench : IRatioBench
{
    private const int Pages = 64;
    private const int TlbEntries = 256;
    private const int Batch = 256;
    private const int WordsPerPage = BenchCluster.PageSize / sizeof(ulong);
    private const double Goal = 0.5;

    private static readonly SyntheticGuestSpec _guest = new((long)Pages * BenchCluster.PageSize, WritePercent: 50);

    public string Name => "tlb";

    public string Summary => "accesses that hit the TLB against the same loop on an array";

    public async Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted)
    {
        progress(Name);
        await using var cluster = await BenchCluster.StartAsync(1, PlacementMode.Packed, interrupted);
        var rounds = await Alternation.RunAsync(
            request, window => MeasureAsync(cluster, window), window => Task.FromResult(Bare(window)), interrupted);
        return [new RatioRow(Name, "accesses/s", rounds, new RatioGoal(Least: Goal))];
    }

    private static async Task<double> MeasureAsync(BenchCluster cluster, TimeSpan window)
    {
        var vm = await cluster.CreateAsync(vcpus: 1, Pages, _guest, TlbEntries);
        var (began, before) = (Stopwatch.GetTimestamp(), (await vm.CountAsync()).Vcpu!.Accesses);
        await Task.Delay(window);
        var after = (await vm.CountAsync()).Vcpu!.Accesses;
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        await vm.DestroyAsync();
        return (after - before) / seconds;
    }

    private static double Bare(TimeSpan window)
    {
        var memory = new ulong[Pages * WordsPerPage];
        using var program = _guest.Create(seed: 1, vmOrdinal: 1, vcpu: 0, vcpus: 1, VmLayout.RamGfn, BenchCluster.PageSize);
        var operations = new GuestOperation[Batch];
        var (began, accesses, sum, now) = (Stopwatch.GetTimestamp(), 0L, 0UL, 0L);
        while (Stopwatch.GetElapsedTime(began) < window)
        {
            var count = program.Next(operations, ++now);
            foreach (ref readonly var operation in operations.AsSpan(0, count))
            {
                var first = (int)(operation.Gfn - VmLayout.RamGfn) * WordsPerPage;
                if (operation.Kind == GuestAccessKind.Write) memory[first] = memory[first + WordsPerPage - 1] = operation.Value;
                else sum += memory[first] ^ memory[first + WordsPerPage - 1];
            }

            accesses += count;
        }

        GC.KeepAlive(sum);
        return accesses / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
