using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: after a move nothing of the old place is mapped, and the new place shows the same memory (S8, S1). A guest touches both places
/// while the memslot goes through its INVALID phase and the host takes a page of it (kvm-protocol 5, MOVE).
/// </summary>
internal sealed class MemslotMove : Scenario
{
    public override string Name => "memslot-move";
    public override string Claim => "nothing of a memslot's old place stays mapped once it has moved";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Before(stage => stage.PlugAsync());
        plan.Vcpu().WritePlugged(0).WriteMoved(0).WritePlugged(0);
        plan.Vcpu().WriteMoved(1).ReadPlugged(0);
        plan.Actor("user").MovePlugged();
        plan.Actor("mm").OnPlugged(OperationKind.DontNeed);
    }
}
