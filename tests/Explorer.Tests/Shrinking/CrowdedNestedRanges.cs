using Livebed.Explorer.Scenarios;

namespace Livebed.Explorer.Tests.Shrinking;

/// <summary>A task that nests ranges and a memslot update, which is all that the deadlock of `rwsem` needs, among much that it does
/// not.</summary>
internal sealed class CrowdedNestedRanges : Scenario
{
    public override string Name => "crowded-nested-ranges";
    public override string Claim => "a range inside a range of the same task comes to its end whatever memslots do";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Vcpu().Write(0).Read(1);
        plan.Vcpu().Read(0).Write(1);
        plan.Actor("mm").DontNeed(0).NestRanges(0, 2).DontNeed(1);
        plan.Actor("reclaim").Reclaim(1).Age(0);
        plan.Actor("qemu").Plug().Unplug().Plug();
    }
}
