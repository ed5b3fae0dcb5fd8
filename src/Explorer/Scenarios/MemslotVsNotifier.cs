using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: start and end of a range see the same memslots, or decide alike without them: what was counted in is counted out, once (S4, S3).
/// Ranges over memory that a memslot comes to and goes from, and over memory that none ever covers; no guest is needed, the count alone
/// tells (kvm-protocol 2.7, I1 and I7).
/// </summary>
internal sealed class MemslotVsNotifier : Scenario
{
    public override string Name => "memslot-vs-notifier";
    public override string Claim => "start and end of a range agree about whether it is counted";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("updates", "memslot updates: creates and deletes by turns", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        var user = plan.Actor("user");
        for (var update = 0; update < plan.Parameter("updates"); update++) _ = update % 2 == 0 ? user.Plug() : user.Unplug();
        plan.Vcpu().Write(0).WritePlugged(0);
        plan.Actor("mm-0").OnPlugged(OperationKind.DontNeed).Spurious();
        plan.Actor("mm-1").OnPlugged(OperationKind.DontNeed, 0, 2);
    }
}
