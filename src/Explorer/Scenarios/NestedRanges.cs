using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: a task that begins a range inside of another one gets through, with a memslot update between its two starts (deadlock). The outer
/// range is an mprotect, the inner one the reclaim of a page that it needs memory for. A fair rwsem fails: the update queues behind the
/// outer start, and the inner start behind the update (kvm-protocol 2.2). That is the seed's known flaw, and a finding of it is labelled
/// so.
/// </summary>
internal sealed class NestedRanges : Scenario
{
    public override string Name => "nested-ranges";
    public override string Claim => "two nested ranges of one task and a memslot update all come to their end";

    public override IReadOnlyList<KnownOutcome> Known =>
    [
        new("rwsem", [Invariants.Deadlock], "a fair semaphore that is held from start to end: "
            + "the inner start queues behind the writer that waits for the outer one"),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Vcpu().Write(0).Read(1);
        plan.Actor("mm").NestRanges(0, 2);
        plan.Actor("user").Plug();
    }
}
