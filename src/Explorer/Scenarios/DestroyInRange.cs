using Livebed.Kvm.UserSpace;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: a VM that is destroyed between start and end of a range neither hangs nor leaves anything behind (L3, S11). The range's end comes
/// before, while, or after the notifier is unregistered; in the last case KVM never hears of it, and what start held must be reset
/// (kvm-protocol 2.6). It hangs only a destroyer that shares the VM's address space, as that one deletes KVM's own memslots, so both are to
/// be tried.
/// </summary>
internal sealed class DestroyInRange : Scenario
{
    public override string Name => "destroy-in-range";
    public override string Claim => "a VM destroyed inside of a range goes, and leaves nothing behind";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("shares", "1: the destroyer is the VM's own process, 0: another one", 1, 0, 1),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { HasPrivateSlots = true };
        plan.VmSurvives = false;
        plan.Vcpu().Write(0).Read(1);
        plan.Actor("mm").OpenRange(0).CloseRange();
        plan.Actor("kswapd").Reclaim(0, 2);
        plan.Actor("user").Destroy(plan.Parameter("shares") == 1);
        plan.After(stage => stage.EndAsync(TeardownOrder.VmFirst));
    }
}
