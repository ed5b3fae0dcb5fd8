using Livebed.Explorer.Beds;
using Livebed.Explorer.Beds.Migrations;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;
using System.Collections.Immutable;

namespace Livebed.Explorer.Scenarios;

/// <summary>Where one schedule of a plan is played: the bed, its VM, and what actors share.</summary>
public sealed class Stage
{
    private const int AwaitsMax = 200;

    // Made for the first lane that holds a range.
    private Tracked<Dictionary<string, Operation>?> _held;
    private Tracked<ulong> _tokens;
    private Tracked<BedMigration?> _migration;
    private Tracked<ImmutableList<LinkBreak>> _linkBreaks;
    private Tracked<ImmutableList<LinkMessage>> _linkBroke;
    private Tracked<(MigrationStatus? Status, long? Missing)> _atDeath;

    public Stage(Bed bed)
    {
        Bed = bed;
        var place = new Place(bed.World);
        _held = new Tracked<Dictionary<string, Operation>?>(place);
        _tokens = new Tracked<ulong>(place);
        _migration = new Tracked<BedMigration?>(place);
        _linkBreaks = new Tracked<ImmutableList<LinkBreak>>(place, []);
        _linkBroke = new Tracked<ImmutableList<LinkMessage>>(place, []);
        _atDeath = new Tracked<(MigrationStatus?, long?)>(place);
    }

    public Bed Bed { get; }

    /// <summary>The scenario's first VM, wherever it is.</summary>
    public BedVm Vm => Bed.Vms[0].Newest;

    /// <summary>The same, or null when it was destroyed, died with its machine or was lost in a migration.</summary>
    public BedVm? Survivor => IsThere(Vm) ? Vm : IsForked ? Bed.Vms[0] : null;

    /// <summary>Processes that still have the VM as their own beside <see cref="Survivor"/>.</summary>
    public IEnumerable<BedVm> Others =>
        Bed.Vms[0].Incarnations.Where(vm => vm != Survivor && IsThere(vm) && !vm.Vm.IsHandedOver);

    /// <summary>The guest had begun to run on a host that was given up, and went on where it came from.</summary>
    private bool IsForked => Bed.MachineOf(Vm.Host).IsDead && IsThere(Bed.Vms[0]) && !Bed.Vms[0].Vm.IsHandedOver;

    /// <summary>Its owner.</summary>
    internal BedInventory Inventory => Bed.Inventory!;

    /// <summary>The migration that is under way, or was the last.</summary>
    public BedMigration? Migration => _migration.Value;

    /// <summary>What <see cref="SetPluggedAsync"/> has brought about last; null when it was not called. Only the looks at the end read
    /// it.</summary>
    public bool? IsPlugged { get; private set; }

    /// <summary>A destroy has come and it was that which took the VM down.</summary>
    public bool IsDestroyed { get; private set; }

    /// <summary>Where the migration stood when a machine died or stood still, or the VM was destroyed, as its source had it; null when
    /// nothing of it happened.</summary>
    public MigrationStatus? StatusAtDeath => _atDeath.Value.Status;

    /// <summary>Pages that the destination lacked when a machine died in post-copy; null when it did not run, or lacked nothing any
    /// more.</summary>
    public long? MissingAtDeath => _atDeath.Value.Missing;

    /// <summary>At which messages the link has broken, in their order.</summary>
    public ImmutableList<LinkMessage> LinkBroke => _linkBroke.Value;

    public IReadOnlyList<int> RamSlots => [.. Enumerable.Range(0, Bed.Options.RamSlots)];

    /// <summary>A value that was never written yet, distinct from those of guests.</summary>
    public ulong NextSoftwareToken() => (0xEEUL << 40) | ++_tokens.Value;

    /// <summary>An ioctl on the VM: refused when it is closing, waited for by its end.</summary>
    public ValueTask CommandAsync(Func<BedVm, ValueTask> command) => Vm.CommandAsync(() => command(Vm));

    /// <summary>Every RAM page mapped writable, as in a guest that has run for a while.</summary>
    public ValueTask TouchRamAsync() => TouchRamAsync(Vm);

    /// <summary>The same of another VM.</summary>
    public async ValueTask TouchRamAsync(BedVm vm)
    {
        for (var page = 0; page < Bed.Options.RamPages; page++) await vm.TouchAsync(BedVm.RamGfn(page), write: true);
    }

    /// <summary>KVM writes on behalf of a vCPU.</summary>
    public ValueTask SoftwareWriteAsync(int page, int vcpu) => CommandAsync(async vm => await vm.Vm.SoftwareWriter.WriteAsync(
        Bed.NewOperation(OperationKind.SoftwareWrite), vcpu, BedVm.RamGfn(page), NextSoftwareToken()));

    /// <summary>A device deals with a request of the guest, wherever the VM is: where it has moved meanwhile, the request is found there.
    /// Not for ever, since the VM may be lost.</summary>
    public async ValueTask DeviceWriteAsync(int page, int pages)
    {
        for (var (left, written) = (AwaitsMax, 0); left > 0 && written == 0; left--)
        {
            if (left < AwaitsMax) await Bed.World.PointAsync(SchedulingPoint.Retry);
            ulong[] values = [.. Enumerable.Range(0, pages).Select(_ => NextSoftwareToken())];
            await CommandAsync(async vm => written = await vm.Process.Devices!.WriteAsync(
                Bed.NewOperation(OperationKind.DeviceWrite), BedVm.RamGfn(page), values));
        }
    }

    public ValueTask PlugAsync() => CommandAsync(async vm => await vm.PlugAsync(Bed.NewOperation(OperationKind.MemslotCreate)));

    public ValueTask EnableLogAsync() =>
        CommandAsync(async vm => await vm.Session.EnableAsync(Bed.NewOperation(OperationKind.DirtyLogEnable), RamSlots));

    public ValueTask VerifyLogAsync() =>
        CommandAsync(async vm => await vm.Session.VerifyAsync(Bed.NewOperation(OperationKind.DirtyLogVerify)));

    /// <summary>The same in a scene whose memslots of RAM stay as they are: user space has followed the log of each.</summary>
    public ValueTask VerifyWholeLogAsync() => CommandAsync(async vm =>
    {
        var compared = await vm.Session.VerifyAsync(Bed.NewOperation(OperationKind.DirtyLogVerify));
        if (compared != Bed.Options.RamPages)
            Broke(Invariants.Effect, $"the log of {compared} pages was verified, and RAM has {Bed.Options.RamPages}");
    });

    /// <summary>Moves the VM from the host where it is to the other one.</summary>
    /// <param name="op">the operation</param>
    /// <param name="parameters">of the migration</param>
    /// <param name="atOnce">what user space orders while the inventory is asked, before the migration has begun; null for nothing</param>
    /// <returns>how it ended; null when the machine of its source is dead</returns>
    public async ValueTask<MigrationInfo?> MigrateAsync(Operation op, MigrationParameters parameters, Action<VmProcess>? atOnce = null)
    {
        var vm = Vm;
        if (!await Bed.MachineOf(vm.Host).TryEnterAsync()) return null;
        _migration.Value = new BedMigration(Bed, vm, parameters, Bed.OtherHost(vm.Host));
        BreakNext();
        if (atOnce is not null) Inventory.WhenAsked(() => atOnce(vm.Process));
        return await Migration!.RunAsync(op);
    }

    /// <summary>What the scenario's own looks have found of its first VM.</summary>
    public void Broke(string invariant, string message) => Bed.World.Observer.Violated(new Violation(invariant, message, Bed.Vms[0].Name));

    /// <summary>The network falls into two parts, with a host and the inventory in one of them. The host is given up, a new inventory
    /// begins without it, and when the migration is over it has to hear that; then its machine begins anew.</summary>
    /// <param name="host">in the part of the inventory</param>
    /// <param name="after">microseconds; 0 for when the destination has been granted the VM</param>
    /// <param name="givenUpAfter">microseconds since then</param>
    /// <param name="hearsIt">the host is told that it was given up, as soon as it asks</param>
    /// <param name="lasts">how long the parts live beside each other after the migration</param>
    /// <param name="answersLate">how long the answer to a host that renews its lease is on its way</param>
    public async ValueTask PartitionAsync(int host, long after, long givenUpAfter, bool hearsIt, long lasts, long answersLate)
    {
        var away = Bed.Hosts[host];
        Bed.Leases.AnswersLate(answersLate);
        Bed.Leases.Begin(away, Bed.MachineOf(away));

        // Before, the source would only wait long for an inventory.
        await AwaitMigrationAsync(migration => migration.Process.Source is not null);
        if (after > 0) await Bed.World.DelayAsync(after);
        else await AwaitMigrationAsync(migration => Inventory.OwnerOf(Bed.Vms[0].Name).Host == migration.Target.Host.Name);
        NoteStatus(ReachedCase.PartitionInMigration);
        _atDeath.Value = (_atDeath.Value.Status, Migration?.PagesMissing());
        Bed.World.Trace?.Note(null, $"{away.Name} and the inventory are cut off");
        Migration?.Wire.Cut();
        Inventory.CutOff(away.Name);
        if (!hearsIt) Bed.Leases.CutOff(away);
        await Bed.World.DelayAsync(givenUpAfter);
        Bed.Leases.GiveUp(away);
        await Inventory.RestoreWithoutAsync(away.Name, Bed.Leases.LengthMicroseconds);
        await AwaitMigrationAsync(migration => migration.Result is not null);
        await Bed.World.DelayAsync(lasts);
        Bed.Kill(away);
    }

    /// <summary>A host's machine dies when some time has passed; what was missing of a guest in post-copy is remembered.</summary>
    public async ValueTask KillAsync(int host, long afterMicroseconds)
    {
        await Bed.World.DelayAsync(afterMicroseconds);
        NoteStatus(ReachedCase.DeathInMigration);
        _atDeath.Value = (_atDeath.Value.Status, Migration?.PagesMissing());
        Bed.Kill(Bed.Hosts[host]);
    }

    /// <summary><c>migrate_cancel</c> of the migration, if there is one; of one that promises to end at its next step the VM does not
    /// move.</summary>
    public async ValueTask CancelAsync()
    {
        if (Migration is not { } migration || migration.Process.Cancel() != CancelCase.AtNextStep) return;
        await AwaitMigrationAsync(_ => migration.Result is not null);
        if (migration.Result is { IsHandedOver: true }) Broke(Invariants.SourceRestored, "a migration that was cancelled has moved the VM");
    }

    /// <summary>Does something to the migration, if there is one.</summary>
    public ValueTask OnMigration(Action<BedMigration> action)
    {
        if (Migration is { } migration) action(migration);
        return ValueTask.CompletedTask;
    }

    /// <summary>Waits until there is a migration of which that is so, or which is over; not for ever, since there may never be
    /// one.</summary>
    public async ValueTask AwaitMigrationAsync(Func<BedMigration, bool> isSo)
    {
        for (var left = AwaitsMax; left > 0; await Bed.World.PointAsync(SchedulingPoint.Retry))
        {
            if (Migration is not { } migration) left--;
            else if (migration.Result is not null || Bed.MachineOf(migration.From).IsDead || isSo(migration)) return;
        }
    }

    /// <summary>The link breaks so often, each time at the message that is given, and is repaired when the migration has paused. Where
    /// there is no migration yet, of the next one.</summary>
    public void BreakLink(params ImmutableList<LinkBreak> breaks)
    {
        _linkBreaks.Value = breaks;
        BreakNext();
    }

    private bool IsThere(BedVm vm) => !vm.IsGone && !Bed.MachineOf(vm.Host).IsDead;

    private void BreakNext()
    {
        if (Migration is not { } migration || _linkBreaks.Value is not [var next, ..] breaks) return;
        _linkBreaks.Value = breaks.RemoveAt(0);
        migration.Wire.BreakAt(next, () => BrokenAsync(migration, next));
    }

    private ValueTask BrokenAsync(BedMigration migration, LinkBreak now)
    {
        _linkBroke.Value = LinkBroke.Add(now.At);
        return now.IsRepaired ? RepairLinkAsync(migration) : ValueTask.CompletedTask;
    }

    private async ValueTask RepairLinkAsync(BedMigration migration)
    {
        // A link that is repaired in the step in which it broke is never seen broken.
        while (migration is { Result: null, Status: not MigrationStatus.PostcopyPaused } && !Bed.MachineOf(migration.From).IsDead)
            await Bed.World.PointAsync(SchedulingPoint.Retry);
        BreakNext();
        migration.Wire.Broken = BrokenLink.Whole;
        while (migration.Result is null && !Bed.MachineOf(migration.From).IsDead && !migration.Process.Recover())
            await Bed.World.PointAsync(SchedulingPoint.Retry);
    }

    /// <summary>Remembers where the migration stands, see <see cref="StatusAtDeath"/>.</summary>
    /// <param name="reached">what comes now, if the migration has begun and is not over</param>
    public void NoteStatus(ReachedCase reached)
    {
        var status = Migration?.Status ?? MigrationStatus.None;
        _atDeath.Value = (status, MissingAtDeath);
        if (status != MigrationStatus.None && !MigrationStates.IsOver(status)) Bed.World.Reached(reached);
    }

    /// <summary>The VM is destroyed, as user space on the machine of the source knows it.</summary>
    public async ValueTask DestroyAsync(BedVm vm, TeardownOrder order, long afterMicroseconds)
    {
        await Bed.World.DelayAsync(afterMicroseconds);
        NoteStatus(ReachedCase.DestroyInMigration);
        if (Inventory.IsAway) Bed.World.Reached(ReachedCase.DestroyWithoutInventory);
        var stops = Migration is { Result: null } migration && migration.Process == vm.Process
            && (migration.Status == MigrationStatus.None || MigrationStates.CancelIn(migration.Status) == CancelCase.AtNextStep);
        IsDestroyed = await vm.TearDownAsync(Bed.NewOperation(OperationKind.VmDestroy), order);
        if (stops && !IsDestroyed) Broke(Invariants.Teardown, "a destroy that could cancel the migration has let the VM move");
    }

    /// <summary>The same at the destination, after it has been asked to prepare or as soon as the migration was ordered.</summary>
    public async ValueTask DestroyIncomingAsync(TeardownOrder order, long afterMicroseconds, bool waitsForPrepare)
    {
        await AwaitMigrationAsync(migration => !waitsForPrepare || migration.Incoming.Info.Status != MigrationStatus.None);
        if (Migration is { } migration) await DestroyAsync(migration.Target, order, afterMicroseconds);
    }

    /// <summary>A host's machine stands still when some time has passed, and goes on when some more has.</summary>
    public async ValueTask StandStillAsync(int host, long afterMicroseconds, long forMicroseconds, bool isGivenUp)
    {
        await Bed.World.DelayAsync(afterMicroseconds);
        NoteStatus(ReachedCase.StandstillInMigration);
        Bed.World.Trace?.Note(null, $"the machine of {Bed.Hosts[host].Name} stands still");
        Bed.Machines[host].StandStill(isGivenUp);
        await Bed.World.DelayAsync(forMicroseconds);
        Bed.World.Trace?.Note(null, $"the machine of {Bed.Hosts[host].Name} goes on");
        Bed.Machines[host].GoOn();
    }

    /// <summary>Plugs or unplugs memory wherever the VM is: where it has moved, it is asked again.</summary>
    public async ValueTask SetPluggedAsync(bool isPlugged)
    {
        for (var result = MemslotResult.Dead; result == MemslotResult.Dead;)
        {
            await CommandAsync(async vm => result = isPlugged
                ? await vm.PlugAsync(Bed.NewOperation(OperationKind.MemslotCreate))
                : await vm.UnplugAsync(Bed.NewOperation(OperationKind.MemslotDelete)));
            if (result == MemslotResult.Ok) IsPlugged = isPlugged;
            if (result == MemslotResult.Dead) await Bed.World.PointAsync(SchedulingPoint.Retry);
        }
    }

    /// <summary>Every page of guest memory holds the newest value that was written to it, in all its bytes.</summary>
    public ValueTask CheckMemoryAsync() => Survivor?.CheckMemoryAsync(Bed.NewOperation(OperationKind.Audit)) ?? ValueTask.CompletedTask;

    /// <summary>Takes away whatever of range, VM and process the actors have left, so that a plan may be played without any of
    /// them.</summary>
    public async ValueTask EndAsync(TeardownOrder order)
    {
        if (_held.Value is { } ranges)
            foreach (var held in ranges.Values) await Vm.Host.CloseRangeAsync(held);
        await Vm.TearDownAsync(Bed.NewOperation(OperationKind.VmDestroy), order);
    }

    /// <summary>The operation by which an actor holds its range open; made at its first use.</summary>
    public Operation HeldBy(string actor)
    {
        var held = _held.Changing ??= [];
        if (!held.TryGetValue(actor, out var op)) held[actor] = op = Bed.NewOperation(HostEventKind.HeldRange);
        return op;
    }
}
