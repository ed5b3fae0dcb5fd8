namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: while a range is open no page of it is mapped, and none is mapped from a lookup made before the range ended (S2, S1). A guest
/// writes and reads the very page that the host takes away. The smallest race of all (kvm-protocol 2.7, I2 to I4).
/// </summary>
internal sealed class FaultVsInvalidate : Scenario
{
    public override string Name => "fault-vs-invalidate";
    public override string Claim => "no page of an open range is mapped, and none from a lookup older than the range's end";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("vcpus", "vCPUs that touch the page", 1, 1, 4),
        new("ranges", "ranges over the page, one after the other", 1, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        for (var vcpu = 0; vcpu < plan.Parameter("vcpus"); vcpu++) plan.Vcpu().Write(0).Read(0);
        var mm = plan.Actor("mm");
        for (var range = 0; range < plan.Parameter("ranges"); range++) mm.DontNeed(0);
    }
}
