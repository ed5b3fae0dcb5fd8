using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: a guest finds nothing (MMIO) or the memory of a new memslot, never a page that an open range takes away (S2, S3, S4). A guest
/// touches memory while its memslot is created and the host takes a page of it (kvm-protocol 5, CREATE; 2.7, I1).
/// </summary>
internal sealed class MemslotCreate : Scenario
{
    public override string Name => "memslot-create";
    public override string Claim => "memory appears with its memslot, and with no page of an open range";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Vcpu().WritePlugged(0).ReadPlugged(0).WritePlugged(1);
        plan.Actor("user").Plug();
        plan.Actor("mm").OnPlugged(OperationKind.DontNeed);
    }
}
