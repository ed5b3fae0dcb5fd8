using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: when a memslot is deleted nothing of it is mapped, and no fault maps it again (S8). Guests touch it during both phases of its
/// deletion, also in the INVALID one that waits for readers. Meanwhile the host takes a page of it, and then the memslot is created again
/// (kvm-protocol 5, DELETE).
/// </summary>
internal sealed class MemslotDelete : Scenario
{
    public override string Name => "memslot-delete";
    public override string Claim => "nothing of a memslot is mapped once it has been deleted";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Before(stage => stage.PlugAsync());
        plan.Vcpu().WritePlugged(0).ReadPlugged(1).WritePlugged(0);
        plan.Vcpu().ReadPlugged(1).WritePlugged(0);
        plan.Actor("user").Unplug().Plug();
        plan.Actor("mm").OnPlugged(OperationKind.DontNeed);
    }
}
