using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// The VMM plugs and unplugs memory while other threads keep ranges open: how long an update waits until none is. Each of these threads
/// opens a range, works under it, closes it and pauses. A counter lets new ranges in while an update waits; a fair semaphore does not.
/// </summary>
internal sealed class MemslotUnderRanges : PricedScenario
{
    public override string Name => "memslot-under-ranges";

    public override string Claim => "a steady stream of overlapping invalidations can keep a memslot update waiting";

    public override string ClaimSource =>
        "commit 52ac8b358b0c \"KVM: Block memslot updates across range_start() and range_end()\"; hung tasks reported by syzbot, "
        + "\"INFO: task hung in kvm_swap_active_memslots\", November 2025";

    public override IReadOnlyList<string> Headlines => [PricedResult.UpdateMean, PricedResult.UpdateMax, PricedResult.UpdateCount];

    /// <summary>How much memory an update is about.</summary>
    internal static PricedParameter PlugPages { get; } = new("plug", "pages that are plugged and unplugged", 16, 1, 16_384);

    protected override bool HasVcpus => false;

    protected override IReadOnlyList<PricedParameter> Own =>
    [
        new("ranges", "threads that keep ranges open", 8, 0, 128),
        new("open", "time under each range, in microseconds", 100, 0, 100_000),
        new("pause", "mean time between two of a thread, in microseconds", 200, 0, 1_000_000),
        new("plugs", "mean time between two updates, in microseconds", 500, 0, 1_000_000),
        PlugPages,
    ];

    protected override void Build(PricedScene scene)
    {
        var threads = (int)scene["ranges"];
        var bed = scene.Make(threads + 1, options => options with
        {
            HotplugPages = (int)scene["plug"],
            ScratchPages = threads + 1,
        });
        for (var index = 0; index < threads; index++)
        {
            var (thread, random) = (index, scene.Random.Fork((ulong)index));
            bed.World.Start($"mm-{thread}", async () =>
            {
                var pages = new HvaRange(VmLayout.ScratchHva + thread, 1);
                while (true)
                {
                    await bed.World.PauseAsync(PricedScene.Around(random, 1_000 * scene["pause"]));
                    await bed.RunEventAsync(new HostEvent(HostEventKind.HeldRange, 1, pages, (long)scene["open"]));
                    scene.WorkDone++;
                }
            });
        }

        var plugs = scene.Random.Fork(1_000);
        bed.World.Start("vmm", async () =>
        {
            while (true)
            {
                await bed.World.PauseAsync(PricedScene.Around(plugs, 1_000 * scene["plugs"]));
                await bed.SetMemslotAsync(OperationKind.MemslotCreate, Plug((int)scene["plug"]));
                await bed.World.PauseAsync(PricedScene.Around(plugs, 1_000 * scene["plugs"]));
                await bed.SetMemslotAsync(OperationKind.MemslotDelete, Plug(0));
            }
        });
    }

    /// <summary>Of no pages, the memory is unplugged.</summary>
    internal static MemslotChange Plug(long pages) =>
        new(VmLayout.HotplugSlotId, VmLayout.HotplugGfn, pages, VmLayout.HotplugHva, MemslotFlags.None);
}
