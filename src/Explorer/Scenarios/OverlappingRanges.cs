namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: of several open ranges each protects its own pages until its own end, whatever the others do (S2, S1). Ranges that touch, overlap
/// and lie apart begin and end in any order, while guests fault inside of one, of both, and in the gap between them, which only the hull
/// covers (kvm-protocol 2.7, I5 and I8). What the hull holds up for longer than needed is a price and no violation.
/// </summary>
internal sealed class OverlappingRanges : Scenario
{
    public override string Name => "overlapping-ranges";
    public override string Claim => "each of several open ranges protects its pages until its own end";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { RamPages = 3 };
        plan.Vcpu().Write(0).Write(1);
        plan.Vcpu().Write(2).Read(0);
        plan.Actor("mm-0").DontNeed(0, 2);
        plan.Actor("mm-1").DontNeed(2).DontNeed(1, 2);
    }
}
