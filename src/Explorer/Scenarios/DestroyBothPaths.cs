using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: SPTEs are dropped once and everything is given back, whether the VM goes first, its process does, or both at once (S11, L3). The
/// destroyer unregisters while exit_mmap calls release, and each finds the other half done (kvm-protocol 7, B38). A range is open
/// meanwhile, and reclaim goes on.
/// </summary>
internal sealed class DestroyBothPaths : Scenario
{
    public override string Name => "destroy-both-paths";
    public override string Claim => "VM and process may go in any order, or at once, and nothing is left";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("order", "0: VM first, by another process; 1: VM first, by its own; 2: process first; 3: at once", 3, 0, 3),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { HasPrivateSlots = true };
        plan.VmSurvives = false;
        plan.Vcpu().Write(0);
        plan.Actor("mm").Event(OperationKind.HeldRange, 0, 2);
        plan.Actor("kswapd").Reclaim(1);
        plan.Actor("user").TearDown((TeardownOrder)plan.Parameter("order"));
        plan.After(stage => stage.EndAsync(TeardownOrder.VmFirst));
    }
}
