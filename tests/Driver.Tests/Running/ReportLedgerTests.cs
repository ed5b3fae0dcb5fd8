using Livebed.Driver.Running;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Paging;
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
        ledger.Update(early with { Reached = [new(0, 1)] });
        ledger.Retire(Report("vm-3.1@host-0", faults: 1_000, startsMax: 0));
        ledger.Update(host with { MeasuredSince = 49, Counters = host.Counters with { Usage = new(Frames: 3, 0, 0, 0, 0, 0, 0, 0) } });
        ledger.Update(Report("vm-4.1@host-0", faults: 5, startsMax: 0) with { MeasuredSince = 51 });
        Assert.Equal((5, 3, 0), (ledger.Counters().Vm!.Faults, ledger.Counters().Usage!.Value.Frames, ledger.Teardowns));
        Assert.Equal((0, 1), (ledger.Reached()[0], ledger.ViolationCount));

        ledger.Update(early with { MeasuredSince = 50 });
        Assert.Equal(6, ledger.Counters().Vm!.Faults);
    }

    /// <summary>Sums that are kept up to date come to the same as adding up all latest reports.</summary>
    [Fact]
    public void Guests_locks_and_waits_are_those_of_the_latest_reports()
    {
        var ledger = new ReportLedger(place => place % 2);
        ledger.Update(Vcpu(vm: 1, accesses: 5, due: 100, executed: 90, behind: 30));
        ledger.Update(Vcpu(vm: 1, accesses: 9, due: 200, executed: 150, behind: 10));
        ledger.Update(Vcpu(vm: 2, accesses: 1, due: 10, executed: 10, behind: 7));
        ledger.Update(Vcpu(vm: 3, accesses: 4, due: 50, executed: 50, behind: 0));
        ledger.Retire(Vcpu(vm: 3, accesses: 6, due: 60, executed: 55, behind: 99));
        Assert.Equal((9, 200, 150, 10), Of(ledger.Guests()[1]));
        Assert.Equal((6, 60, 55, 99), Of(ledger.Guests()[3]));
        Assert.Equal(
            (15, 260, 205), (ledger.Kinds()[1].Accesses, ledger.Kinds()[1].DueMicroseconds, ledger.Kinds()[1].ExecutedMicroseconds));
        Assert.Equal(1, ledger.Kinds()[0].Accesses);

        var (early, late) = (new LockStatistics { Acquisitions = 1 }, new LockStatistics { Acquisitions = 3 });
        early.AddWait(5);
        late.AddWait(5);
        late.AddWait(2);
        var report = Report("vm-9.1@host-0", faults: 0, startsMax: 0);
        var wait = new WaitSnapshot(1, new OperationId(7), OperationKind.Fault, "mmu_lock", "vm", LockMode.Read, 40, []);
        ledger.Update(report with { Locks = [new("mmu_lock", LockMode.Read, early)], Waits = [wait] });
        Assert.Equal(45, Assert.Single(ledger.LockWaits()).Value);
        ledger.Update(report with { Locks = [new("mmu_lock", LockMode.Read, late)], HistoryDropped = 2 });
        ledger.Update(report with { Locks = [new("mmu_lock", LockMode.Read, late)], HistoryDropped = 3 });
        var row = Assert.Single(ledger.LockStatistics());
        Assert.Equal((3, 2, 7, 2, 5), (
            row.Statistics.Acquisitions, row.Statistics.Contentions, row.Statistics.WaitTotal, row.Statistics.WaitMin,
            row.Statistics.WaitMax));
        Assert.Equal(7, Assert.Single(ledger.LockWaits()).Value);
        ledger.MeasureFrom(0);
        Assert.Equal(3, Assert.Single(ledger.LimitsHit(), hit => hit.Limit == "actorHistory").Times);
        Assert.Equal((9, 200, 150, 10), Of(ledger.Guests()[1]));
    }

    private static (long, long, long, long) Of(GuestFigures guest) =>
        (guest.Accesses, guest.DueMicroseconds, guest.ExecutedMicroseconds, guest.BehindMicroseconds);

    private static ActorReport Vcpu(int vm, long accesses, long due, long executed, long behind) => new()
    {
        Actor = $"vm-{vm}.1@host-0/vcpu-0",
        Silo = "silo-0",
        Counters = new ActorCounters
        {
            Vcpu = new VcpuCounters
            {
                Accesses = accesses,
                DueMicroseconds = due,
                ExecutedMicroseconds = executed,
                BehindMicroseconds = behind,
            },
        },
    };

    private static ActorReport Report(string actor, long faults, long startsMax) => new()
    {
        Actor = actor,
        Silo = "silo-0",
        Counters = new ActorCounters { Vm = new VmCounters { Faults = faults, StartsWhilePublishingMax = startsMax } },
    };
}
