using Livebed.Explorer.Beds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>What the host and the VM's process do to its memory (kvm-protocol 6.1). Pages are counted from the start of RAM.</summary>
public static class HostVerbs
{
    public static ActorPlan DontNeed(this ActorPlan actor, int page, int pages = 1) => actor.Event(HostEventKind.DontNeed, page, pages);
    public static ActorPlan Unmap(this ActorPlan actor, int page, int pages = 1) => actor.Event(HostEventKind.Unmap, page, pages);
    public static ActorPlan Reclaim(this ActorPlan actor, int page, int pages = 1) => actor.Event(HostEventKind.Reclaim, page, pages);
    public static ActorPlan Migrate(this ActorPlan actor, int page, int pages = 1) => actor.Event(HostEventKind.PageMigration, page, pages);
    public static ActorPlan Fork(this ActorPlan actor, int page, int pages = 1) => actor.Event(HostEventKind.Fork, page, pages);
    public static ActorPlan Mprotect(this ActorPlan actor, int page, int pages = 1) => actor.Event(HostEventKind.Mprotect, page, pages);
    public static ActorPlan OomReap(this ActorPlan actor, int page, int pages = 1) => actor.Event(HostEventKind.OomReap, page, pages);

    /// <summary>Clears the accessed marks; clear_flush_young, clear_young and test_young by turns.</summary>
    public static ActorPlan Age(this ActorPlan actor, int page, int pages = 1) => actor.Event(HostEventKind.Ageing, page, pages);

    /// <summary>A range and one of its pages inside it: two ranges of one task.</summary>
    public static ActorPlan NestRanges(this ActorPlan actor, int page, int pages = 1) =>
        actor.Event(HostEventKind.NestedRange, page, pages);

    /// <summary>A range over memory that no memslot covers.</summary>
    public static ActorPlan Spurious(this ActorPlan actor) => actor.InHost(
        "range outside of every memslot", stage => EventAsync(stage, HostEventKind.Spurious, new HvaRange(VmLayout.ScratchHva, 1)));

    /// <summary>A memory event over memory that no memslot covers.</summary>
    public static ActorPlan OnScratch(this ActorPlan actor, HostEventKind kind, int page = 0, int pages = 1) => actor.InHost(
        $"{kind.Name} scratch {Pages(page, pages)}",
        stage => EventAsync(stage, kind, new HvaRange(VmLayout.ScratchHva + page, pages)));

    /// <summary>A memory event over plugged (or not yet plugged) memory.</summary>
    public static ActorPlan OnPlugged(this ActorPlan actor, HostEventKind kind, int page = 0, int pages = 1) => actor.InHost(
        $"{kind.Name} plugged {Pages(page, pages)}",
        stage => EventAsync(stage, kind, new HvaRange(VmLayout.HotplugHva + page, pages)));

    /// <summary>ksmd looks at so many pages.</summary>
    public static ActorPlan KsmScan(this ActorPlan actor, int pages) => actor.InHost(
        $"ksm-scan {pages}", stage => EventAsync(stage, HostEventKind.KsmScan, new HvaRange(default, pages)));

    /// <summary>A device writes to a page that it has pinned.</summary>
    public static ActorPlan WriteByDevice(this ActorPlan actor, int page) => actor.InHost(
        $"a device pins page {page} and writes to it",
        async stage => await stage.Vm.Host.Process(stage.Vm.AddressSpaceId).WritePinnedAsync(
            stage.Bed.NewOperation(OperationKind.SoftwareWrite), BedVm.RamHva(page), stage.NextSoftwareToken()));

    /// <summary>Opens a range in one operation, to be closed by <see cref="CloseRange"/> of the same actor.</summary>
    public static ActorPlan OpenRange(this ActorPlan actor, int page, int pages = 1) => actor.InHost(
        $"open range {Pages(page, pages)}", async stage =>
        {
            var op = stage.HeldBy(actor.Name);
            await stage.Vm.Host.OpenRangeAsync(
                op, new HostEvent(HostEventKind.HeldRange, stage.Vm.AddressSpaceId, new HvaRange(VmLayout.RamHva + page, pages)));
        });

    /// <summary>Ends the range that this actor opened.</summary>
    public static ActorPlan CloseRange(this ActorPlan actor) => actor.InHost(
        "close range", async stage => await stage.Vm.Host.CloseRangeAsync(stage.HeldBy(actor.Name)));

    /// <summary>Any memory event on RAM.</summary>
    public static ActorPlan Event(this ActorPlan actor, HostEventKind kind, int page, int pages) => actor.InHost(
        $"{kind.Name} {Pages(page, pages)}",
        stage => EventAsync(stage, kind, new HvaRange(VmLayout.RamHva + page, pages)));

    internal static string Pages(int page, int pages) => pages == 1 ? $"page {page}" : $"pages {page} to {page + pages - 1}";

    /// <summary>Whatever became of it: an event that waits is a task already, and needs no second one around it.</summary>
    private static ValueTask EventAsync(Stage stage, HostEventKind kind, HvaRange range)
    {
        var result = Bed.RunEventAsync(stage.Vm.Host, stage.Bed.NewOperation(kind), stage.Vm.AddressSpaceId, range.Start, range.Pages);
        return result.IsCompletedSuccessfully ? ValueTask.CompletedTask : new ValueTask(result.AsTask());
    }
}
