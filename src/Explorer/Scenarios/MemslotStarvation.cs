using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: a memslot update comes to its end once ranges do; how many begin while it waits is what a search makes as large as it can. Tasks
/// of the process run range after range without a gap, so that a protocol which lets new ranges pass a waiting update keeps it waiting for
/// all of them (kvm-protocol 2.3). Ranges are finitely many: the update starves, and no schedule hangs.
/// </summary>
internal sealed class MemslotStarvation : Scenario
{
    public override string Name => "memslot-starvation";
    public override string Claim => "a memslot update is published at the latest when all ranges are over";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("tasks", "tasks that run ranges", 2, 1, 6),
        new("ranges", "ranges of each task", 4, 1, 64),
    ];

    public override IReadOnlyList<KnownOutcome> Known =>
    [
        new("active-count", [Invariants.MemslotUpdateProgress], Why),
        new("gfn-range", [Invariants.MemslotUpdateProgress], Why),
        new("rwsem-unfair", [Invariants.MemslotUpdateProgress], Why),
    ];

    public override Objective Objective => new(
        "longest wait of a memslot update", "notifications", stage => stage.Vm.Vm.Counters.StartsWhilePublishingMax);

    private const string Why = "starvation: new ranges pass a waiting update, which is published when there is a gap";

    public override void LayOut(ScenarioPlan plan)
    {
        var (tasks, ranges) = (plan.Parameter("tasks"), plan.Parameter("ranges"));
        plan.StepsMax += 400L * tasks * ranges;
        for (var task = 0; task < tasks; task++)
        {
            var mm = plan.Actor($"mm-{task}");
            for (var range = 0; range < ranges; range++) mm.DontNeed(range % 2);
        }

        plan.Actor("user").Plug();
    }
}
