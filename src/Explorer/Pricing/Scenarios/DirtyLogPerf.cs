using Livebed.Explorer.Pricing.Beds;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// In the words of the kernel's selftest <c>dirty_log_perf_test</c>: vCPUs write their parts of memory again and again while user space
/// switches the log on, then gets it, which write-protects, and gets it again. Writes to protected pages go by the fast page fault.
/// </summary>
internal sealed class DirtyLogPerf : PricedScenario
{
    public override string Name => "dirty-log-perf";

    public override string Claim => "taking the log holds mmu_lock for write for as long as it protects pages, and faults wait for it";

    public override string ClaimSource =>
        "tools/testing/selftests/kvm/dirty_log_perf_test.c; David Matlack, [PATCH 0/3] \"KVM: Drop mmu_lock when clearing the dirty log\", "
        + "kvm list, October 2023";

    public override IReadOnlyList<string> Headlines => [PricedResult.FaultMean, PricedResult.Guest, PricedResult.Work];

    protected override IReadOnlyList<PricedParameter> Own =>
    [
        new("set", "pages that each vCPU writes by turns", 128, 1, 4_096),
        new("writes", "writes of each vCPU in a second of its guest's work", 50_000, 1, 1_000_000),
        new("interval", "time between two gets, in microseconds", 2_000, 0, 1_000_000),
        .. VmmLoad.Quiet,
    ];

    protected override void Build(PricedScene scene)
    {
        var (set, mean) = ((long)scene["set"], (long)(1e9 / scene["writes"]));
        var bed = scene.Make(1 + (int)scene["threads"], options => options with
        {
            RamPages = (int)(set * scene.Vcpus),
            ScratchPages = VmmLoad.ScratchPages(scene),
            DirtyLog = DirtyLogMode.Bitmap,
        });
        var guests = new List<PricedGuest>();
        for (var vcpu = 0; vcpu < scene.Vcpus; vcpu++)
        {
            var random = scene.Random.Fork((ulong)vcpu);
            guests.Add(new PricedGuest(random, vcpu, set, mean));
            bed.AddVcpu(guests[vcpu], PricedScene.Around(random, mean));
        }

        VmmLoad.Start(scene, guests, set);
        bed.World.Start("log", async () =>
        {
            var log = new DirtyLogSession(bed.Vm);
            await log.EnableAsync(bed.NewOperation(OperationKind.DirtyLogEnable), [0]);
            while (true)
            {
                await bed.World.PauseAsync(Math.Max(1_000, 1_000 * (long)scene["interval"]));
                bed.World.Charge(Price.SystemCall);
                scene.WorkDone += Math.Max(0, await log.RoundAsync(bed.NewOperation(OperationKind.DirtyLogGet)));
            }
        });
    }
}
