using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Witnesses;
using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Tests.Witnesses;

public sealed class HangWitnessTests
{
    [Fact]
    public void A_deadlock_shows_who_waits_for_what_and_who_holds_it()
    {
        var scenario = new NestedRangesAndAPlug();
        var setup = new ScenarioSetup("rwsem");
        var finding = new Search(scenario, setup, new SearchOptions { Schedules = 2_000 }).Run().Finding;
        Assert.NotNull(finding);
        Assert.Contains(finding.Violations, violation => violation.Invariant == Invariants.Deadlock && violation.Witness is { Count: > 1 });

        EventLog? log = null;
        var played = new ReplayPlayer(scenario, setup).Play(finding.Replay, isLenient: false, world => log = new EventLog(world));
        log!.Complete();
        Assert.Contains(
            WitnessRows.Of(log.Entries), row => row.Lane == "user" && row.Text == "waits for mmu_notifier_slots_lock, held by mm");
        // It holds it for read itself; what is in its way is the writer that waits.
        Assert.Contains(
            WitnessRows.Of(log.Entries),
            row => row.Lane == "mm" && row.Text == "waits for mmu_notifier_slots_lock (read), behind user in the queue");
        var lanes = LaneState.All(played.PlayResult, log).ToDictionary(lane => lane.Lane);
        Assert.Equal(("waits", "waits"), (lanes["mm"].Stands, lanes["user"].Stands));
        Assert.Contains("behind user", lanes["mm"].WaitsFor, StringComparison.Ordinal);
        Assert.Contains("behind mm", lanes["user"].WaitsFor, StringComparison.Ordinal);
    }

    private sealed class NestedRangesAndAPlug : Scenario
    {
        public override string Name => "nested-ranges-and-a-plug";
        public override string Claim => "a task with two open ranges gets the second although a memslot update waits";

        public override void LayOut(ScenarioPlan plan)
        {
            plan.Actor("mm").NestRanges(0, 2);
            plan.Actor("user").Plug();
        }
    }
}
