namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// The seed: vCPUs fault, each on a page of its own that the host has, while the VMM changes its own memory. A design that takes mmu_lock
/// for each notification makes all faults wait for it.
/// </summary>
internal sealed class SpuriousBrownout : PricedScenario
{
    public override string Name => "spurious-brownout";

    public override string Claim =>
        "VMs with hundreds of vCPUs brown out when spurious notifications take mmu_lock for write while vCPUs fault";

    public override string ClaimSource =>
        "Sean Christopherson, [PATCH v2 00/10] \"KVM: Consolidate and optimize MMU notifiers\", kvm list, 2 April 2021 "
        + "(20210402005658.3024832-1-seanjc@google.com)";

    public override IReadOnlyList<string> Headlines => [PricedResult.FaultMean, PricedResult.FaultP99, PricedResult.Guest];

    protected override IReadOnlyList<PricedParameter> Own =>
    [
        new("faults", "faults of each vCPU in a second of its guest's work", 2_000, 1, 1_000_000),
        GuestLoad.Ram,
        .. VmmLoad.Parameters,
    ];

    protected override long RamPagesPerVcpu(Func<string, double> value) => GuestLoad.PagesPerVcpu(value);

    protected override void Build(PricedScene scene) =>
        GuestLoad.Start(scene, (int)scene["threads"], options => options);
}
