using Livebed.Driver.Benching;
using Livebed.Grains.Placement;
using Livebed.Kvm.Guests;

namespace Livebed.Driver.Tests.Benching;

/// <summary>Runs when no other test does: bytes are counted over the whole process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AllocationCollection
{
    public const string Name = "allocations";
}

/// <summary>What a fault and a guest access allocate, in a cluster of two silos with all that is on in a run. docs/bench.md has the
/// figures.</summary>
[Collection(AllocationCollection.Name)]
public sealed class AllocationTests
{
    private const int PageSize = 64;
    private const int Vcpus = 8;
    private const long Pages = 400_000;
    private const long FaultsMin = 1_500;

    private static readonly TimeSpan _window = TimeSpan.FromMilliseconds(300);

    [Theory]
    [InlineData(PlacementMode.Spread, 16_000)]
    [InlineData(PlacementMode.Packed, 14_000)]
    public async Task A_fault_allocates_no_more_than_its_calls_need(PlacementMode placement, double most)
    {
        await using var cluster = await BenchCluster.StartAsync(silos: 2, placement, CancellationToken.None, pageSize: PageSize);
        var guest = new SyntheticGuestSpec(Pages / Vcpus * PageSize);
        var vm = await cluster.CreateAsync(Vcpus, Pages, guest, tlbEntries: 64);
        await MeasureAsync(vm, counters => counters.Faults, FaultsMin);
        var (faults, bytes) = await MeasureAsync(vm, counters => counters.Faults, FaultsMin);
        await vm.DestroyAsync();
        Assert.True(bytes / faults <= most, $"{bytes / faults:0} bytes for each of {faults} faults");
    }

    [Fact]
    public async Task An_access_that_the_TLB_translates_allocates_nothing()
    {
        await using var cluster = await BenchCluster.StartAsync(silos: 1, PlacementMode.Packed, CancellationToken.None, pageSize: PageSize);
        var guest = new SyntheticGuestSpec(64L * PageSize, WritePercent: 50);
        var vm = await cluster.CreateAsync(vcpus: 1, pages: 64, guest, tlbEntries: 256);
        await MeasureAsync(vm, counters => counters.Accesses, 10_000);
        var (accesses, bytes) = await MeasureAsync(vm, counters => counters.Accesses, 1_000_000);
        await vm.DestroyAsync();
        Assert.True(bytes / accesses < 1, $"{bytes} bytes for {accesses} accesses");
    }

    /// <summary>Bytes that the process allocated while the vCPUs counted at least so many.</summary>
    private static async Task<(long Count, double Bytes)> MeasureAsync(
        RunningVm vm, Func<Kvm.Paging.VcpuCounters, long> read, long least)
    {
        var before = read((await vm.CountAsync()).Vcpu!);
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        while (true)
        {
            await Task.Delay(_window);
            var count = read((await vm.CountAsync()).Vcpu!) - before;
            if (count >= least) return (count, GC.GetTotalAllocatedBytes(precise: true) - allocated);
        }
    }
}
