using Livebed.Explorer.Beds;
using Livebed.Explorer.Beds.Migrations;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>What user space, and fate, do to a live migration.</summary>
public static class MigrationVerbs
{
    /// <summary>Moves the VM to the other host; when it is over, whatever its end, the actor goes on.</summary>
    public static ActorPlan MigrateVm(this ActorPlan actor, MigrationParameters parameters) => actor.InVm(
        "migrate", async stage => await stage.MigrateAsync(stage.Bed.NewOperation(OperationKind.Migration), parameters));

    /// <summary>Moves the host's second VM too, over the same link.</summary>
    public static ActorPlan MigrateOtherVm(this ActorPlan actor, MigrationParameters parameters, long after) => actor.InVm(
        $"migrate vm-2 after {after} us", async stage =>
        {
            await stage.Bed.World.DelayAsync(after);
            var vm = stage.Bed.Vms[1];
            var op = stage.Bed.NewOperation(OperationKind.Migration);
            var info = await new BedMigration(stage.Bed, vm, parameters, stage.Bed.OtherHost(vm.Host)).RunAsync(op);
            if (info.Status != MigrationStatus.Completed)
                stage.Broke(Invariants.MigrationProgress, $"the migration of the second VM is {info.Status}: {info.Reason}");
        });

    /// <summary>Where the VM has come to, it is moved back as soon as it runs, before its first host need know that.</summary>
    public static ActorPlan MigrateBack(this ActorPlan actor, MigrationParameters parameters) => actor.InVm(
        "migrate back", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => migration.Incoming.Runs && migration.Target.Process.MigrationRefusal() is null);
            if (stage.Migration is not { Incoming.Runs: true } there) return;
            if (there.Result is null) stage.Bed.World.Reached(ReachedCase.MigratedBackUnheard);
            await stage.MigrateAsync(stage.Bed.NewOperation(OperationKind.Migration), parameters);
        });

    /// <summary>The same, and <c>migrate-start-postcopy</c> before it has begun. It goes over after the first batch, and there is one for
    /// each block of memory.</summary>
    public static ActorPlan MigrateVmInPostcopy(this ActorPlan actor, MigrationParameters parameters) => actor.InVm(
        "migrate, migrate-start-postcopy", async stage =>
        {
            var info = await stage.MigrateAsync(
                stage.Bed.NewOperation(OperationKind.Migration), parameters, atOnce: process => process.StartPostcopy());
            if (info is { Status: MigrationStatus.Completed } && info.Steps.All(step => step.Status != MigrationStatus.PostcopyActive))
                stage.Broke(Invariants.MigrationProgress, "post-copy was ordered before the migration began, and it never went over");
        });

    /// <summary>The same, and <c>migrate_cancel</c> before it has begun.</summary>
    public static ActorPlan MigrateVmAndCancel(this ActorPlan actor, MigrationParameters parameters) => actor.InVm(
        "migrate, migrate_cancel", async stage =>
        {
            var info = await stage.MigrateAsync(
                stage.Bed.NewOperation(OperationKind.Migration), parameters, atOnce: process => process.Cancel());
            if (info is { IsHandedOver: true })
                stage.Broke(Invariants.SourceRestored, "a migration that was cancelled before it began has moved the VM");
        });

    /// <summary><c>migrate_cancel</c> of a migration that has made so many syncs.</summary>
    public static ActorPlan CancelMigration(this ActorPlan actor, int syncs) => actor.InVm(
        $"migrate_cancel after {syncs} syncs", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => migration.Process.Source?.Syncs >= syncs);
            await stage.CancelAsync();
        });

    /// <summary><c>migrate-start-postcopy</c>, as soon as pages are sent.</summary>
    public static ActorPlan StartPostcopy(this ActorPlan actor) => actor.InVm(
        "migrate-start-postcopy", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => migration.Status >= MigrationStatus.Active);
            await stage.OnMigration(migration => migration.Process.StartPostcopy());
        });

    /// <summary>The link between the two hosts breaks, each time when such a message is on it. Where it is repaired that is when the
    /// migration has paused, and user space orders the recovery until the migration continues or is over.</summary>
    public static ActorPlan BreakLink(this ActorPlan actor, params LinkBreak[] breaks) => actor.InHost(
        $"link breaks at {string.Join(", ", breaks.Select(now => $"{KebabCase.Of(now.At)} ({KebabCase.Of(now.Broken)}"
            + $"{(now.IsRepaired ? "" : ", for good")})"))}", stage =>
        {
            stage.BreakLink([.. breaks]);
            return ValueTask.CompletedTask;
        });

    /// <summary>User space discards a page at the destination, as a balloon does, once the guest runs there ahead of its memory.</summary>
    public static ActorPlan DiscardInPostcopy(this ActorPlan actor, int page) => actor.InHost(
        $"dont-need page {page} at the destination, in post-copy", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => migration.Incoming.Info.Status >= MigrationStatus.PostcopyActive);
            await Bed.RunEventAsync(
                stage.Vm.Host, stage.Bed.NewOperation(HostEventKind.DontNeed), stage.Vm.AddressSpaceId, BedVm.RamHva(page), 1);
        });

    /// <summary>The host takes, moves, merges or marks pages of a process that another host's pages come to.</summary>
    public static ActorPlan EventAtDestination(this ActorPlan actor, HostEventKind kind, int page, int pages) => actor.InHost(
        $"{kind.Name} {HostVerbs.Pages(page, pages)} at the destination", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => migration.Incoming.Info.Status >= MigrationStatus.Active);
            if (stage.Migration is not { Result: null, Target: var target }) return;
            await Bed.RunEventAsync(target.Host, stage.Bed.NewOperation(kind), target.AddressSpaceId, BedVm.RamHva(page), pages);
        });

    /// <summary>A device fills a buffer as soon as the migration has made so many syncs.</summary>
    public static ActorPlan DeviceWriteAfter(this ActorPlan actor, int syncs, int page, int pages = 1) => actor.InVm(
        $"device-write {HostVerbs.Pages(page, pages)} after {syncs} syncs", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => migration.Process.Source?.Syncs >= syncs);
            await stage.DeviceWriteAsync(page, pages);
        });

    /// <summary>The same at the destination, once the guest runs there ahead of its memory.</summary>
    public static ActorPlan DeviceWriteInPostcopy(this ActorPlan actor, int page, int pages = 1) => actor.InVm(
        $"device-write {HostVerbs.Pages(page, pages)} at the destination, in post-copy", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => migration.Incoming.Info.Status >= MigrationStatus.PostcopyActive);
            await stage.DeviceWriteAsync(page, pages);
        });

    /// <summary>The destination's next answer to the hand-over is lost on its way back.</summary>
    public static ActorPlan LoseTakeOverAnswer(this ActorPlan actor) => actor.InHost(
        "the answer to the hand-over will be lost",
        stage => stage.OnMigration(migration => migration.Wire.LoseTakeOver(TakeOverLoss.Answer)));

    /// <summary>The source hears nothing of its request to take over; said before there is a migration, or it would be too late.</summary>
    public static ActorPlan LoseTakeOver(
        this ActorPlan actor, TakeOverLoss loss, long patience = 0, TakeOverLoss next = TakeOverLoss.None) => actor.InHost(
        $"the request to take over will be lost: {loss}{(patience == 0 ? "" : $" after {patience} us")}"
            + (next == TakeOverLoss.None ? "" : $", and the next: {next}"),
        async stage =>
        {
            await stage.AwaitMigrationAsync(_ => true);
            await stage.OnMigration(migration => migration.Wire.LoseTakeOver(loss, patience, next));
        });

    /// <summary>The machine of a host dies, with all that runs there.</summary>
    /// <param name="actor">chance</param>
    /// <param name="host">0 the source's, 1 the destination's</param>
    /// <param name="afterMicroseconds">at some step after so long; a step takes one</param>
    public static ActorPlan MachineDies(this ActorPlan actor, int host, long afterMicroseconds) => actor.InHost(
        $"the machine of host-{host} dies after {afterMicroseconds} us", stage => stage.KillAsync(host, afterMicroseconds));

    /// <summary>The machine of a host stands still and goes on.</summary>
    /// <param name="actor">chance</param>
    /// <param name="host">0 the source's, 1 the destination's</param>
    /// <param name="after">microseconds; a step takes one</param>
    /// <param name="lasts">microseconds</param>
    /// <param name="isGivenUp">callers get no answer meanwhile, and another machine answers for it</param>
    public static ActorPlan MachineStandsStill(this ActorPlan actor, int host, long after, long lasts, bool isGivenUp) => actor.InHost(
        $"the machine of host-{host} stands still after {after} us for {lasts} us{(isGivenUp ? ", and is given up" : "")}",
        stage => stage.StandStillAsync(host, after, lasts, isGivenUp));

    /// <summary>The machine of the destination stands still when the guest runs there ahead of its memory, is given up, and goes
    /// on.</summary>
    /// <param name="actor">chance</param>
    /// <param name="after">microseconds since the guest runs there</param>
    /// <param name="lasts">microseconds</param>
    public static ActorPlan DestinationStandsStillInPostcopy(this ActorPlan actor, long after, long lasts) => actor.InHost(
        $"the machine of the destination stands still {after} us after post-copy began for {lasts} us, and is given up", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => migration.Incoming.Info.Status >= MigrationStatus.PostcopyActive);
            if (stage.Migration is not { Result: null } migration) return;
            migration.Wire.HoldsUntilSourceIsGone = true;
            await stage.StandStillAsync(host: 1, 1 + after, lasts, isGivenUp: true);
            migration.Wire.HoldsUntilSourceIsGone = false;
        });

    /// <summary>Other programs take the memory of a host, but so many pages, and end.</summary>
    /// <param name="actor">chance</param>
    /// <param name="host">0 the source's, 1 the destination's</param>
    /// <param name="after">microseconds; a step takes one</param>
    /// <param name="lasts">microseconds</param>
    /// <param name="left">pages</param>
    public static ActorPlan HostIsFull(this ActorPlan actor, int host, long after, long lasts, long left) => actor.InHost(
        $"host-{host} is full but for {left} pages after {after} us for {lasts} us", async stage =>
        {
            var full = stage.Bed.Hosts[host];
            if (after > 0) await stage.Bed.World.DelayAsync(after);
            stage.Bed.World.Trace?.Note(null, $"{full.Name} has {left} pages left to promise");
            full.Fill(left);
            await stage.Bed.World.DelayAsync(lasts);
            stage.Bed.World.Trace?.Note(null, $"{full.Name} has memory again");
            full.Relieve();
        });

    /// <summary>The network falls into two parts; see <see cref="Stage.PartitionAsync"/>.</summary>
    public static ActorPlan PartitionWithInventory(
        this ActorPlan actor, int host, long after, long givenUpAfter, bool hearsIt, long lasts, long answersLate) => actor.InHost(
        $"host-{host} and the inventory are cut off {(after == 0 ? "when the destination has the VM" : $"after {after} us")}, and given up "
            + $"{givenUpAfter} us later{(hearsIt ? "" : ", which the host does not hear")}",
        stage => stage.PartitionAsync(host, after, givenUpAfter, hearsIt, lasts, answersLate));

    /// <summary>User space destroys the VM where it was before it migrated.</summary>
    public static ActorPlan DestroyVm(this ActorPlan actor, TeardownOrder order, long after) => actor.InVm(
        $"destroy, {KebabCase.Of(order)}, after {after} us",
        stage => stage.DestroyAsync(stage.Bed.Vms[0], order, after));

    /// <summary>User space destroys the VM where it was, when the migration is over.</summary>
    public static ActorPlan DestroyVmAfterMigration(this ActorPlan actor, TeardownOrder order) => actor.InVm(
        $"destroy, {KebabCase.Of(order)}, after the migration", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => migration.Result is not null);
            await stage.DestroyAsync(stage.Bed.Vms[0], order, afterMicroseconds: 1);
        });

    /// <summary>The inventory's machine dies when it has granted the VM to the destination; a new one begins when the migration is
    /// over.</summary>
    public static ActorPlan LoseInventoryAtGrant(this ActorPlan actor) => actor.InHost(
        "the inventory is lost when the destination has the VM, and replaced after the migration", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => stage.Inventory.OwnerOf(stage.Bed.Vms[0].Name).Host == migration.Target.Host.Name);
            stage.Inventory.Lose();
            await stage.AwaitMigrationAsync(migration => migration.Result is not null);
            await stage.Inventory.RestoreAsync();
        });

    /// <summary>User space destroys the VM where it comes to.</summary>
    /// <param name="actor">user space there</param>
    /// <param name="order">how VM and process go</param>
    /// <param name="after">microseconds; a step takes one</param>
    /// <param name="waitsForPrepare">the time begins when the destination is asked to prepare; otherwise with the migration</param>
    public static ActorPlan DestroyIncomingVm(this ActorPlan actor, TeardownOrder order, long after, bool waitsForPrepare) => actor.InVm(
        $"destroy at the destination, {KebabCase.Of(order)}, {after} us after {(waitsForPrepare ? "it is asked to prepare" : "the order")}",
        stage => stage.DestroyIncomingAsync(order, after, waitsForPrepare));

    /// <summary>The same, once the guest runs there ahead of its memory. It is not to wait for pages that may never come.</summary>
    /// <param name="actor">user space there</param>
    /// <param name="order">how VM and process go</param>
    /// <param name="after">microseconds; a step takes one</param>
    /// <param name="within">microseconds: less than the source waits for the link</param>
    public static ActorPlan DestroyInPostcopy(this ActorPlan actor, TeardownOrder order, long after, long within) => actor.InVm(
        $"destroy at the destination, {KebabCase.Of(order)}, {after} us after post-copy began", async stage =>
        {
            await stage.AwaitMigrationAsync(migration => migration.Incoming.Info.Status >= MigrationStatus.PostcopyActive);
            if (stage.Migration is not { Incoming.Runs: true, Target: var target }) return;
            var since = stage.Bed.World.NowMicroseconds;
            await stage.DestroyAsync(target, order, after);
            if (stage.Bed.World.NowMicroseconds - since is var took && took > within)
                stage.Broke(
                    Invariants.TeardownProgress, $"a destroy in post-copy has taken {took} us, and it may take {within} us");
        });

    /// <summary>User space plugs memory, or takes it out, wherever the VM is.</summary>
    public static ActorPlan SetPlugged(this ActorPlan actor, bool isPlugged) => actor.InVm(
        isPlugged ? "plug memory, wherever the VM is" : "unplug memory, wherever the VM is", stage => stage.SetPluggedAsync(isPlugged));

    /// <summary>A new inventory begins while the old one goes on answering one host; or two begin at the same time, and both
    /// answer.</summary>
    /// <param name="actor">chance</param>
    /// <param name="host">which of them goes on asking the earlier one</param>
    /// <param name="after">microseconds; a step takes one. 0 for when the destination has been granted the VM</param>
    /// <param name="lasts">microseconds</param>
    /// <param name="areTwo">the old one is lost, and two begin</param>
    public static ActorPlan ReplaceInventoryTwice(this ActorPlan actor, int host, long after, long lasts, bool areTwo) => actor.InHost(
        $"{(areTwo ? "two inventories begin" : "a second inventory begins")} "
            + $"{(after == 0 ? "when the destination has the VM" : $"after {after} us")}; the earlier answers host-{host} {lasts} us",
        async stage =>
        {
            if (after > 0) await stage.Bed.World.DelayAsync(after);
            else
                await stage.AwaitMigrationAsync(
                    migration => stage.Inventory.OwnerOf(stage.Bed.Vms[0].Name).Host == migration.Target.Host.Name);
            stage.NoteStatus(ReachedCase.InventoryReplacedInMigration);
            var answered = stage.Bed.Hosts[host].Name;
            await (areTwo ? stage.Inventory.ReplaceByTwoAsync(answered) : stage.Inventory.ReplaceAsync(answered));
            await stage.Bed.World.DelayAsync(lasts);
            stage.Inventory.StopReplaced();
        });

    /// <summary>The next answer of the inventory to a host is late.</summary>
    public static ActorPlan InventoryAnswersLate(this ActorPlan actor, int host, long microseconds) => actor.InHost(
        $"the inventory's next answer to host-{host} takes {microseconds} us",
        stage =>
        {
            stage.Inventory.AnswersLate(stage.Bed.Hosts[host].Name, microseconds);
            return ValueTask.CompletedTask;
        });

    /// <summary>The destination hears nothing of the inventory, from the migration's beginning until so long after it was granted the
    /// VM.</summary>
    public static ActorPlan InventoryUnheard(this ActorPlan actor, int host, long lasts) => actor.InHost(
        $"host-{host} hears nothing of the inventory until {lasts} us after the VM was granted to it", async stage =>
        {
            var unheard = stage.Bed.Hosts[host].Name;
            stage.Inventory.IsUnheardBy(unheard);
            await stage.AwaitMigrationAsync(migration => stage.Inventory.OwnerOf(stage.Bed.Vms[0].Name).Host == migration.Target.Host.Name);
            await stage.Bed.World.DelayAsync(lasts);
            stage.Inventory.IsUnheardBy(null);
        });

    /// <summary>The inventory's machine dies, and a new inventory asks every host what it owns.</summary>
    /// <param name="actor">chance</param>
    /// <param name="afterMicroseconds">at some step after so long; a step takes one</param>
    /// <param name="reportMicroseconds">how long the report of each host takes, at least</param>
    public static ActorPlan ReplaceInventory(this ActorPlan actor, long afterMicroseconds = 0, long reportMicroseconds = 0) => actor.InHost(
        $"the inventory is lost{(afterMicroseconds == 0 ? "" : $" after {afterMicroseconds} us")}, and replaced"
            + (reportMicroseconds == 0 ? "" : $", {reportMicroseconds} us for each host"),
        async stage =>
        {
            if (afterMicroseconds > 0) await stage.Bed.World.DelayAsync(afterMicroseconds);
            stage.NoteStatus(ReachedCase.InventoryReplacedInMigration);
            stage.Inventory.Lose();
            await stage.Inventory.RestoreAsync(reportMicroseconds);
        });
}
