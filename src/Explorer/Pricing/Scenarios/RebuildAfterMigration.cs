using Livebed.Explorer.Pricing.Beds;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// Dirty logging goes off after a migration that was cancelled, or a VM has arrived: no SPTE is left, and every vCPU faults all of its part
/// of memory in again, as fast as it can, while the VMM works. It is done when the last vCPU is.
/// </summary>
internal sealed class RebuildAfterMigration : PricedScenario
{
    public override string Name => "rebuild-after-migration";

    public override string Claim => "vCPUs that all fault at once scale as long as mmu_lock is taken for read only";

    public override string ClaimSource =>
        "Ben Gardon, [PATCH v2 00/28] \"Allow parallel MMU operations with TDP MMU\", kvm list, 2 February 2021 "
        + "(20210202185734.1680553-1-bgardon@google.com)";

    public override IReadOnlyList<string> Headlines => [PricedResult.Done, PricedResult.FaultMean];

    protected override IReadOnlyList<PricedParameter> Own =>
        [new("ram", "pages that each vCPU faults in", 512, 1, 16_384), .. VmmLoad.Parameters];

    protected override int DefaultMilliseconds => 200;

    protected override void Build(PricedScene scene)
    {
        var pages = (int)scene["ram"];
        var bed = scene.Make((int)scene["threads"], options => options with
        {
            RamPages = pages * scene.Vcpus,
            ScratchPages = VmmLoad.ScratchPages(scene),
        });
        var guests = new List<PricedGuest>();
        for (var vcpu = 0; vcpu < scene.Vcpus; vcpu++)
        {
            guests.Add(new PricedGuest(scene.Random.Fork((ulong)vcpu), vcpu, pages, meanNanoseconds: 0, accessesMax: pages));
            bed.AddVcpu(guests[vcpu], vcpu);
        }

        VmmLoad.Start(scene, guests, pages);
        scene.EndsWhenGuestsHalt();
    }
}
