using Livebed.Driver.Running;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.Running;

/// <summary>What actors report is put together over living and dead ones.</summary>
public sealed class ReportLedgerTests
{
    [Fact]
    public void Counters_are_added_up_and_of_maxima_the_largest_is_taken()
    {
        var ledger = new ReportLedger();
        ledger.Update(Report("vm-1.1@host-0", faults: 3, startsMax: 5));
        ledger.Update(Report("vm-2.1@host-0", faults: 4, startsMax: 2));
        ledger.Update(Report("vm-3.1@host-0", faults: 1, startsMax: 1));
        ledger.Retire(Report("vm-1.1@host-0", faults: 6, startsMax: 7));
        ledger.Retire(Report("vm-2.1@host-0", faults: 4, startsMax: 2));

        var counters = ledger.Counters();
        Assert.Equal((11, 7), (counters.Vm!.Faults, counters.Vm.StartsWhilePublishingMax));
    }

    [Fact]
    public void Cases_of_living_and_dead_actors_are_added_up()
    {
        var ledger = new ReportLedger();
        var (retried, full) = (ReachedCase.FaultRetried, ReachedCase.RingFull);
        var report = Report("vm-1.1@host-0", faults: 0, startsMax: 0);
        ledger.Update(report with { Reached = [new(retried.Index, 1)] });
        ledger.Update(report with { Reached = [new(retried.Index, 2)] });
        ledger.Retire(report with { Reached = [new(retried.Index, 3)] });
        ledger.Update(Report("vm-2.1@host-0", faults: 0, startsMax: 0) with { Reached = [new(retried.Index, 4), new(full.Index, 5)] });

        Assert.Equal(
            (7, 5, 0), (ledger.Reached()[retried.Index], ledger.Reached()[full.Index], ledger.Reached()[ReachedCase.MmioExit.Index]));
    }

    [Fact]
    public void Figures_of_the_warm_up_are_left_out_and_what_was_found_in_it_stays()
    {
        var ledger = new ReportLedger();
        var (early, dead, host) = (
            Report("vm-1.1@host-0", faults: 1, startsMax: 0), Report("vm-2.1@host-0", faults: 10, startsMax: 0), Report("host-0", 100, 0));
        ledger.Update(early with { Violations = [new Violation("S1", "stale")] });
        ledger.Retire(dead, isTeardown: true);
        ledger.MeasureFrom(50);

        // Reports under way, of actors that do not know yet, and one that was born since.
        ledger.Update(early with { Counters = early.Counters with { Usage = new(Frames: 3, 0, 0, 0, 0, 0, 0, 0) }, Reached = [new(0, 1)] });
        ledger.Retire(Report("vm-3.1@host-0", faults: 1_000, startsMax: 0));
        ledger.Update(host with { MeasuredSince = 49 });
        ledger.Update(Report("vm-4.1@host-0", faults: 5, startsMax: 0) with { MeasuredSince = 51 });
        Assert.Equal((5, 3, 0), (ledger.Counters().Vm!.Faults, ledger.Counters().Usage!.Value.Frames, ledger.Teardowns));
        Assert.Equal((0, 1), (ledger.Reached()[0], ledger.ViolationCount));

        ledger.Update(early with { MeasuredSince = 50 });
        Assert.Equal(6, ledger.Counters().Vm!.Faults);
    }

    private static ActorReport Report(string actor, long faults, long startsMax) => new()
    {
        Actor = actor,
        Silo = "silo-0",
        Counters = new ActorCounters { Vm = new VmCounters { Faults = faults, StartsWhilePublishingMax = startsMax } },
    };
}
