using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// A VM that has its SPTEs is destroyed by a task of its own process while others hold ranges open: wait for the vCPUs, unregister the
/// notifier, zap all, delete the private memslots. What a range without its end has left must be reset before.
/// </summary>
internal sealed class Teardown : PricedScenario
{
    public override string Name => "teardown";

    public override string Claim => "nothing that a design keeps from start to end may hold up the destruction of the VM";

    public override string ClaimSource =>
        "Paolo Bonzini's review of [PATCH v2 09/10] \"KVM: Don't take mmu_lock for range invalidation unless necessary\", kvm list, "
        + "19 April 2021; kvm_destroy_vm in virt/kvm/kvm_main.c";

    public override IReadOnlyList<string> Headlines => [PricedResult.Done];

    protected override bool HasVcpus => false;
    protected override int DefaultMilliseconds => 200;

    protected override IReadOnlyList<PricedParameter> Own =>
    [
        new("ram", "pages that the VM has SPTEs of", 8_192, 1, 262_144),
        new("ranges", "threads that keep ranges open", 4, 0, 128),
        new("open", "time under each range, in microseconds", 100, 0, 100_000),
    ];

    protected override void Build(PricedScene scene)
    {
        var (threads, ram) = ((int)scene["ranges"], (int)scene["ram"]);
        var bed = scene.Make(threads + 1, options => options with { RamPages = ram, ScratchPages = threads + 1, MapsAll = true });
        for (var index = 0; index < threads; index++)
        {
            var (thread, random) = (index, scene.Random.Fork((ulong)index));
            bed.World.Start($"mm-{thread}", async () =>
            {
                var pages = new HvaRange(VmLayout.ScratchHva + thread, 1);
                while (scene.DoneAt == 0)
                {
                    await bed.World.PauseAsync(PricedScene.Around(random, 100_000));
                    await bed.RunEventAsync(new HostEvent(HostEventKind.HeldRange, 1, pages, (long)scene["open"]));
                }
            });
        }

        bed.World.Start("vmm", async () =>
        {
            await bed.World.PauseAsync(500_000);
            var begun = bed.World.Now;
            await bed.Vm.Teardown.DestroyAsync(bed.NewOperation(OperationKind.VmDestroy), sharesAddressSpace: true);
            await bed.World.PointAsync(SchedulingPoint.Call);
            scene.DoneAt = bed.World.Now - begun;
        });
    }
}
