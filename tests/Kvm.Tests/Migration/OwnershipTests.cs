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
        Assert.False(destination.Owns(Vm, 2));
        Assert.True(source.Owns(Vm, 2));
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
}
