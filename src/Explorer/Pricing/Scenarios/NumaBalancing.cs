using Livebed.Explorer.Pricing.Beds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// <c>task_numa_work</c> scans the VM's memory: every range makes PTEs prot_none, KVM zaps and flushes, and the guests fault their working
/// sets in again and again. No range is spurious, so no design can spare mmu_lock.
/// </summary>
internal sealed class NumaBalancing : PricedScenario
{
    public override string Name => "numa-balancing";

    public override string Claim => "where notifications hit guest memory no design is cheaper than another";

    public override string ClaimSource =>
        "what eliding means, commit 071064f14d87 \"KVM: Don't take mmu_lock for range invalidation unless necessary\"; stalls under NUMA "
        + "balancing reported by Proxmox, kvm list, January 2024";

    public override IReadOnlyList<string> Headlines => [PricedResult.FaultMean, PricedResult.Guest, PricedResult.EventMean];

    protected override IReadOnlyList<PricedParameter> Own =>
    [
        new("accesses", "accesses of each vCPU in a second of its guest's work", 10_000, 1, 1_000_000),
        new("set", "pages that each vCPU uses by turns", 64, 1, 4_096),
        new("pages", "pages of each range that is scanned", 256, 1, 4_096),
        new("rate", "ranges scanned in a second", 2_000, 0, 100_000),
    ];

    protected override void Build(PricedScene scene)
    {
        var (set, pages, mean) = ((long)scene["set"], (long)scene["pages"], (long)(1e9 / scene["accesses"]));
        var ram = set * scene.Vcpus;
        var bed = scene.Make(1, options => options with { RamPages = (int)ram });
        for (var vcpu = 0; vcpu < scene.Vcpus; vcpu++)
        {
            var random = scene.Random.Fork((ulong)vcpu);
            bed.AddVcpu(new PricedGuest(random, vcpu, set, mean), PricedScene.Around(random, mean));
        }

        var (scan, interval) = (scene.Random.Fork(1_000), 1e9 / Math.Max(1, scene["rate"]));
        if (scene["rate"] <= 0) return;
        bed.World.Start("task-numa-work", async () =>
        {
            var (due, at) = (bed.World.Now, 0L);
            while (true)
            {
                if (due > bed.World.Now) await bed.World.PauseAsync(due - bed.World.Now);
                due += PricedScene.Around(scan, interval);
                await bed.RunEventAsync(new HostEvent(
                    HostEventKind.NumaBalancing, 1, new HvaRange(VmLayout.RamHva + at, Math.Min(pages, ram - at))));
                at = at + pages >= ram ? 0 : at + pages;
                scene.WorkDone++;
            }
        });
    }
}
