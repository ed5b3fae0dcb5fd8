using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// In the words of the kernel's selftest <c>memslot_perf_test</c>, its map and unmap runs: user space adds and removes a memslot as fast as
/// it can while vCPUs use other memory. It counts updates in a second.
/// </summary>
internal sealed class MemslotPerf : PricedScenario
{
    public override string Name => "memslot-perf";

    public override string Claim => "a counter and a spinlock cost a memslot update nothing while no notification is under way";

    public override string ClaimSource =>
        "commit 52ac8b358b0c \"KVM: Block memslot updates across range_start() and range_end()\"; "
        + "tools/testing/selftests/kvm/memslot_perf_test.c";

    public override IReadOnlyList<string> Headlines => [PricedResult.UpdateMean, PricedResult.UpdateCount, PricedResult.FaultMean];

    protected override IReadOnlyList<PricedParameter> Own =>
    [
        new("faults", "faults of each vCPU in a second of its guest's work", 1_000, 1, 1_000_000),
        GuestLoad.Ram,
        MemslotUnderRanges.PlugPages,
        .. VmmLoad.Quiet,
    ];

    protected override long RamPagesPerVcpu(Func<string, double> value) => GuestLoad.PagesPerVcpu(value);

    protected override void Build(PricedScene scene)
    {
        var bed = GuestLoad.Start(
            scene, 1 + (int)scene["threads"], options => options with { HotplugPages = (int)scene["plug"] });
        bed.World.Start("vmm", async () =>
        {
            while (true)
            {
                await bed.SetMemslotAsync(OperationKind.MemslotCreate, MemslotUnderRanges.Plug((int)scene["plug"]));
                await bed.SetMemslotAsync(OperationKind.MemslotDelete, MemslotUnderRanges.Plug(0));
            }
        });
    }
}
