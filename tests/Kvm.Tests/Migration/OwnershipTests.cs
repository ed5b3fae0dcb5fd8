using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Tests.Scheduling;

namespace Livebed.Kvm.Tests.Migration;

public class OwnershipTests
{
    private const string Vm = "vm-3";
    private readonly TestWorld _world = new(new TestScheduler());

    [Fact]
    public void Of_two_who_claim_the_same_epoch_one_gets_the_VM()
    {
        var inventory = Registered(out var epoch);
        var first = inventory.Claim(Vm, epoch, "host-1");
        var second = inventory.Claim(Vm, epoch, "host-0");
        Assert.Equal(new Ownership(OwnershipStatus.Granted, "host-1", epoch + 1, 1), first);
        Assert.Equal(new Ownership(OwnershipStatus.Refused, "host-1", epoch + 1, 1), second);
    }

    [Fact]
    public void A_VM_is_registered_once()
    {
        var inventory = Registered(out _);
        Assert.Equal(OwnershipStatus.Refused, inventory.Register(Vm, "host-1").Status);
        Assert.Equal("host-0", inventory.Find(Vm).Host);
    }

    /// <summary>Found by <c>migration-repeats</c>: the second answer to one registration refused the VM to its own host.</summary>
    [Fact]
    public void A_registration_that_arrives_twice_is_one_grant_until_something_came_of_it()
    {
        var inventory = Registered(out var epoch);
        Assert.Equal(inventory.Find(Vm), inventory.Register(Vm, "host-0"));
        inventory.Claim(Vm, epoch, "host-0");
        Assert.Equal(OwnershipStatus.Refused, inventory.Register(Vm, "host-0").Status);
    }

    [Fact]
    public void A_host_that_lets_a_VM_go_keeps_the_record_of_one_that_has_come_back()
    {
        var host = new HostOwnership(_world, "host-0");
        host.Record(Vm, new Ownership(OwnershipStatus.Granted, "host-0", 3, Term: 1));
        host.Release(Vm, 1);
        Assert.True(host.Owns(Vm, 3));
        host.Release(Vm, 3);
        Assert.False(host.Owns(Vm, 3));
    }

    [Fact]
    public void An_answer_that_is_recorded_when_the_VM_has_left_does_not_bring_it_back()
    {
        var host = new HostOwnership(_world, "host-0");
        var late = new Ownership(OwnershipStatus.Granted, "host-0", 2, Term: 1);
        host.Record(Vm, late);
        host.Release(Vm, 2);
        Assert.Equal(OwnershipStatus.Refused, host.Record(Vm, late));
        Assert.Empty(host.Report(2)!);
        Assert.Equal(OwnershipStatus.Granted, host.Record(Vm, late with { Epoch = 4, Term = 2 }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_registration_that_arrives_after_the_removal_makes_no_entry(bool wasKnown)
    {
        var inventory = new VmInventory(_world);
        if (wasKnown) inventory.Register(Vm, "host-0");
        inventory.Remove(Vm, VmEpoch.First);
        Assert.Equal(new Ownership(OwnershipStatus.Refused, "", 0, 1), inventory.Register(Vm, "host-0"));
        Assert.Empty(inventory.Owners);
    }

    [Fact]
    public void An_inventory_remembers_so_many_VMs_that_were_removed_and_no_more()
    {
        var inventory = new VmInventory(_world);
        for (var vm = 0; vm <= GoneVms.KeptMax; vm++) inventory.Remove($"vm-{vm}", VmEpoch.First);
        Assert.Equal(OwnershipStatus.Granted, inventory.Register("vm-0", "host-0").Status);
        Assert.Equal(OwnershipStatus.Refused, inventory.Register("vm-1", "host-0").Status);
    }

    [Fact]
    public void A_VM_that_nobody_registered_is_granted_to_nobody() =>
        Assert.Equal(new Ownership(OwnershipStatus.Refused, "", 0, 1), new VmInventory(_world).Claim(Vm, 1, "host-0"));

    [Fact]
    public void A_grant_of_an_inventory_that_was_replaced_makes_no_second_owner()
    {
        var source = new HostOwnership(_world, "host-0");
        var destination = new HostOwnership(_world, "host-1");
        var old = new VmInventory(_world);
        Assert.Equal(OwnershipStatus.Granted, source.Record(Vm, old.Register(Vm, "host-0")));
        var late = old.Claim(Vm, 1, "host-1");

        // The old one is lost before its grant arrives, and the new one hears only of the source.
        var later = new VmInventory(_world, term: 2);
        foreach (var host in new[] { source, destination })
            foreach (var (vm, epoch) in host.Report(2)!)
                later.Restore(vm, host.Host, epoch);
        Assert.Equal(OwnershipStatus.Lost, destination.Record(Vm, late));
        Assert.Equal(OwnershipStatus.Granted, source.Record(Vm, later.Claim(Vm, 1, "host-0")));
        Assert.False(destination.Owns(Vm, late.Epoch));
        Assert.True(source.Owns(Vm, VmEpoch.Next(1, generation: 2)));
        Assert.NotEqual(late.Epoch, VmEpoch.Next(1, generation: 2));
    }

    [Fact]
    public async Task An_inventory_that_begins_has_a_later_term_than_every_host_knows_and_what_they_own()
    {
        var (first, second) = (new HostOwnership(_world, "host-0"), new HostOwnership(_world, "host-1"));
        second.Report(4);
        second.Record(Vm, new Ownership(OwnershipStatus.Granted, "host-1", 3, Term: 4));
        var register = await BeginAsync(first, second);
        Assert.Equal((5L, ("host-1", 3L)), (register!.Term, register.Owners[Vm]));
        Assert.Equal((5L, 5L), (first.Term, second.Term));
    }

    [Fact]
    public async Task An_inventory_that_another_was_faster_than_begins_again_with_a_later_term()
    {
        var (first, second) = (new HostOwnership(_world, "host-0"), new HostOwnership(_world, "host-1"));
        var other = new Reporter(second) { BeforeReport = term => second.Report(term) };
        var register = await InventoryBeginning.MakeAsync(_world, Hosts(new Reporter(first), other));
        Assert.Equal(3, register!.Term);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_inventory_without_the_answer_of_every_host_does_not_begin(bool knowsTerm)
    {
        var silent = new Reporter(new HostOwnership(_world, "host-1")) { AnswersTerm = knowsTerm, AnswersReport = false };
        Assert.Null(await InventoryBeginning.MakeAsync(_world, Hosts(new Reporter(new HostOwnership(_world, "host-0")), silent)));
    }

    /// <summary>A host that is not asked may run a VM until its lease is over. Where no host knows a VM none can be claimed.</summary>
    [Theory]
    [InlineData(true, 250)]
    [InlineData(false, 0)]
    public void An_inventory_waits_for_the_leases_of_hosts_that_it_cannot_ask_if_there_is_a_VM(bool isThere, long waits)
    {
        var world = new VirtualWorld(new RandomStrategy(1));
        var host = new HostOwnership(world, "host-0");
        if (isThere) host.Record(Vm, new Ownership(OwnershipStatus.Granted, "host-0", 1));
        world.Spawn("inventory", async () =>
        {
            var register = await InventoryBeginning.MakeAsync(world, Hosts(new Reporter(host)), leaseMicroseconds: 250);
            Assert.Equal(isThere, register!.IsRestored);
            Assert.InRange(world.NowMicroseconds, waits, waits + 3);
        });
        Assert.Equal(ScheduleOutcome.Completed, world.Run(1_000).Outcome);
    }

    [Fact]
    public void An_inventory_made_anew_believes_the_highest_epoch()
    {
        var later = new VmInventory(_world, term: 2);
        later.Restore(Vm, "host-1", 5);
        later.Restore(Vm, "host-0", 4);
        Assert.Equal(("host-1", 5L), later.Owners[Vm]);
    }

    /// <summary>User space may live on another machine than the host's record, so an earlier answer may arrive after a later one.</summary>
    [Fact]
    public void A_late_answer_of_an_older_epoch_takes_nothing_back()
    {
        var host = new HostOwnership(_world, "host-0");
        var inventory = Registered(out var epoch);
        var late = inventory.Find(Vm);
        Assert.Equal(OwnershipStatus.Granted, host.Record(Vm, inventory.Claim(Vm, epoch, "host-0")));
        Assert.Equal(OwnershipStatus.Refused, host.Record(Vm, late));
        Assert.True(host.Owns(Vm, epoch + 1));
    }

    [Fact]
    public void Two_inventories_do_not_share_a_term()
    {
        var host = new HostOwnership(_world, "host-0");
        Assert.NotNull(host.Report(2));
        Assert.Null(host.Report(2));
        Assert.Null(host.Report(1));
    }

    [Fact]
    public void A_guest_that_begins_on_a_second_host_while_it_runs_on_the_first_is_found()
    {
        var check = new OneOwnerCheck();
        Assert.Null(check.Note(Vm, "host-0", 1, runs: true));
        Assert.Equal(Invariants.OneOwner, check.Note(Vm, "host-1", 2, runs: true)?.Invariant);
    }

    [Fact]
    public void A_guest_that_goes_on_under_an_epoch_that_another_host_had_is_found()
    {
        var check = new OneOwnerCheck();
        check.Note(Vm, "host-0", 2, runs: true);
        check.Note(Vm, "host-0", 2, runs: false);
        Assert.Equal(Invariants.OneOwner, check.Note(Vm, "host-1", 2, runs: true)?.Invariant);
    }

    [Fact]
    public void A_guest_that_stops_before_it_begins_elsewhere_is_fine_however_often_it_moves()
    {
        var check = new OneOwnerCheck();
        for (var epoch = 1; epoch < 10; epoch++)
        {
            Assert.Null(check.Note(Vm, $"host-{epoch % 2}", epoch, runs: true));
            Assert.Null(check.Note(Vm, $"host-{epoch % 2}", epoch, runs: false));
        }
    }

    private VmInventory Registered(out long epoch)
    {
        var inventory = new VmInventory(_world);
        epoch = inventory.Register(Vm, "host-0").Epoch;
        return inventory;
    }

    private ValueTask<VmInventory?> BeginAsync(params HostOwnership[] hosts) =>
        InventoryBeginning.MakeAsync(_world, Hosts([.. hosts.Select(host => new Reporter(host))]));

    private static Func<ValueTask<IReadOnlyList<IOwnershipReporter>?>> Hosts(params Reporter[] hosts) =>
        () => ValueTask.FromResult<IReadOnlyList<IOwnershipReporter>?>(hosts);

    private sealed class Reporter(HostOwnership ownership) : IOwnershipReporter
    {
        public bool AnswersTerm { get; init; } = true;

        public bool AnswersReport { get; init; } = true;

        /// <summary>Done once, with the term that is about to be reported to.</summary>
        public Action<long>? BeforeReport { get; set; }

        public string Host => ownership.Host;

        public ValueTask<long?> TermAsync() => ValueTask.FromResult<long?>(AnswersTerm ? ownership.Term : null);

        public ValueTask<OwnershipReport> ReportAsync(long term)
        {
            var before = BeforeReport;
            BeforeReport = null;
            before?.Invoke(term);
            return ValueTask.FromResult(
                AnswersReport ? OwnershipReport.From(ownership.Report(term)) : new OwnershipReport(OwnershipStatus.Lost, []));
        }
    }
}
