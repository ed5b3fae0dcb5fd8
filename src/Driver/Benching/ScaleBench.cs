using System.Diagnostics;
using Livebed.Driver.Running;
using Livebed.Grains.Placement;
using Livebed.Kvm.Guests;

namespace Livebed.Driver.Benching;

/// <summary>
/// The same load on ever more VMs: first touches of guest memory, so many a second over all of them, against those of ten VMs before and
/// after in the same cluster. And what one VM with an idle guest takes of the heap.
/// </summary>
internal sealed class ScaleBench : IRatioBench
{
    public const string PartName = "scale";

    private const int Silos = 2;
    private const int FewVms = 10;
    private const int FaultsPerSecond = 10_000;
    private const int PageSize = 256;
    private const int TlbEntries = 64;
    private const double GoalAtMost = 0.9;

    /// <summary>For so long a guest finds pages that it has not touched.</summary>
    private const int SecondsMax = 120;

    private static readonly int[] _many = [100, 1_000, 10_000];

    public string Name => PartName;

    public string Summary => "faults of 100, 1,000 and 10,000 VMs together against those of 10, and the bytes of each";

    public async Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted)
    {
        var (rows, bytes) = (new List<RatioRow>(), new List<RatioRow>());
        await using var cluster = await BenchCluster.StartAsync(Silos, PlacementMode.Spread, interrupted, pageSize: PageSize);
        var most = request.VmsMax ?? _many[^1];
        progress($"{Name}: {FewVms} VMs");
        await FaultsAsync(cluster, FewVms, request with { Rounds = 1, Window = request.WarmUp }, interrupted);
        bytes.Add(await BytesAsync(cluster, FewVms, request, interrupted));
        var before = await FaultsAsync(cluster, FewVms, request, interrupted);
        foreach (var vms in _many.Where(vms => vms <= most))
        {
            progress(FormattableString.Invariant($"{Name}: {vms:N0} VMs"));
            bytes.Add(await BytesAsync(cluster, vms, request, interrupted));
            var own = await FaultsAsync(cluster, vms, request, interrupted);
            progress($"{Name}: {FewVms} VMs");
            var after = await FaultsAsync(cluster, FewVms, request, interrupted);
            var rounds = own.Select((rate, round) => new RatioRound(rate, (before[round] + after[round]) / 2)).ToList();
            rows.Add(new RatioRow(
                FormattableString.Invariant($"scale-faults-{vms}"), "faults/s", rounds,
                vms == _many[^1] ? new RatioGoal(Least: GoalAtMost) : null));
            before = after;
        }

        return [.. rows, .. bytes];
    }

    /// <summary>Faults a second of all VMs together, window by window.</summary>
    private static async Task<List<double>> FaultsAsync(
        BenchCluster cluster, int vms, RatioRequest request, CancellationToken interrupted)
    {
        var rate = FaultsPerSecond / vms;
        var pages = (long)rate * SecondsMax;
        var guest = new SyntheticGuestSpec(pages * PageSize, AccessesPerSecond: rate);
        var made = await cluster.CreateAsync(vms, pages, guest, TlbEntries, interrupted);
        var rates = new List<double>();
        var before = (await cluster.CollectAsync(ofAll: true)).Vcpu?.Faults ?? 0;
        for (var round = 0; round < request.Rounds; round++)
        {
            interrupted.ThrowIfCancellationRequested();
            var began = Stopwatch.GetTimestamp();
            await Task.Delay(request.Window, interrupted);
            var after = (await cluster.CollectAsync(ofAll: true)).Vcpu?.Faults ?? 0;
            rates.Add((after - before) / Stopwatch.GetElapsedTime(began).TotalSeconds);
            before = after;
        }

        await ManyVms.EachAsync(made, vm => vm.DestroyAsync());
        return rates;
    }

    /// <summary>Of the heap, for each VM of one page: as much less as there is without them.</summary>
    private static async Task<RatioRow> BytesAsync(BenchCluster cluster, int vms, RatioRequest request, CancellationToken interrupted)
    {
        var idle = new SyntheticGuestSpec(PageSize, AccessesPerSecond: 1);
        var rounds = new List<RatioRound>();

        // Heaps are counted, not timed: one round says it where making thousands takes its time.
        for (var round = 0; round < (vms <= _many[0] ? request.Rounds : 1); round++)
        {
            var without = HeapBytes();
            var made = await cluster.CreateAsync(vms, pages: 1, idle, TlbEntries, interrupted);
            rounds.Add(new RatioRound((double)(HeapBytes() - without) / vms));
            await ManyVms.EachAsync(made, vm => vm.DestroyAsync());
        }

        return new RatioRow(FormattableString.Invariant($"scale-bytes-{vms}"), "bytes each", rounds, Goal: null);
    }

    private static long HeapBytes()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
