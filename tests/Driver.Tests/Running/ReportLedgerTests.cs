using Livebed.Driver.Running;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Vms;

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

    private static ActorReport Report(string actor, long faults, long startsMax) => new()
    {
        Actor = actor,
        Silo = "silo-0",
        Counters = new ActorCounters { Vm = new VmCounters { Faults = faults, StartsWhilePublishingMax = startsMax } },
    };
}
