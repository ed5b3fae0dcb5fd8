#pragma warning disable RS0030 // reports its footprint by hand
using Livebed.Kvm.UserSpace;
using Livebed.Explorer.Beds;
using Livebed.Explorer.Beds.Migrations;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>Where one schedule of a plan is played: the bed, its VM, and what actors share.</summary>
public sealed class Stage(Bed bed)
{
    private const int AwaitsMax = 200;

    // Made for the first lane that holds a range.
    private Dictionary<string, Operation>? _held;
    private readonly Place _state = new(bed.World);
    private ulong _tokens;

    public Bed Bed { get; } = bed;

    /// <summary>The scenario's first VM, wherever it is.</summary>
    public BedVm Vm => Bed.Vms[0].Newest;

    /// <summary>The same, or null when it was destroyed, died with its machine or was lost in a migration.</summary>
    public BedVm? Survivor => Vm.IsGone || Bed.MachineOf(Vm.Host).IsDead ? null : Vm;

    /// <summary>Its owner.</summary>
    internal BedInventory Inventory => Bed.Inventory!;

    /// <summary>The migration that is under way, or was the last.</summary>
    public BedMigration? Migration { get; private set; }

    /// <summary>Where the migration stood when a machine died, as its source had it; null when none died.</summary>
    public MigrationStatus? StatusAtDeath { get; private set; }

    /// <summary>Pages that the destination lacked when a machine died in post-copy; null when it did not run, or lacked nothing any
    /// more.</summary>
    public long? MissingAtDeath { get; private set; }

    public IReadOnlyList<int> RamSlots => [.. Enumerable.Range(0, Bed.Options.RamSlots)];

    /// <summary>A value that was never written yet, distinct from those of guests.</summary>
    public ulong NextSoftwareToken()
    {
        _state.Writes();
        return (0xEEUL << 40) | ++_tokens;
    }

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

    public ValueTask PlugAsync() => CommandAsync(async vm => await vm.PlugAsync(Bed.NewOperation(OperationKind.MemslotCreate)));

    public ValueTask EnableLogAsync() =>
        CommandAsync(async vm => await vm.Session.EnableAsync(Bed.NewOperation(OperationKind.DirtyLogEnable), RamSlots));

    public ValueTask VerifyLogAsync() =>
        CommandAsync(async vm => await vm.Session.VerifyAsync(Bed.NewOperation(OperationKind.DirtyLogVerify)));

    /// <summary>Moves the VM from the host where it is to the other one.</summary>
    public async ValueTask MigrateAsync(Operation op, MigrationParameters parameters)
    {
        _state.Writes();
        var vm = Vm;
        if (!Bed.MachineOf(vm.Host).TryEnter()) return;
        Migration = new BedMigration(Bed, vm, parameters, Bed.OtherHost(vm.Host));
        _state.Writes();
        await Migration.RunAsync(op);
    }

    /// <summary>A host's machine dies when some time has passed; what was missing of a guest in post-copy is remembered.</summary>
    public async ValueTask KillAsync(int host, long afterMicroseconds)
    {
        await Bed.World.DelayAsync(afterMicroseconds);
        _state.Writes();
        (StatusAtDeath, MissingAtDeath) = (Migration?.Status ?? MigrationStatus.None, Migration?.PagesMissing());
        Bed.Kill(Bed.Hosts[host]);
    }

    /// <summary>Does something to the migration, if there is one.</summary>
    public ValueTask OnMigration(Action<BedMigration> action)
    {
        _state.Reads();
        if (Migration is { } migration) action(migration);
        return ValueTask.CompletedTask;
    }

    /// <summary>Waits until there is a migration of which that is so, or which is over; not for ever, since there may never be
    /// one.</summary>
    public async ValueTask AwaitMigrationAsync(Func<BedMigration, bool> isSo)
    {
        for (var left = AwaitsMax; left > 0; left--)
        {
            _state.Reads();
            if (Migration is { } migration && (migration.Result is not null || isSo(migration))) return;
            await Bed.World.PointAsync(SchedulingPoint.Retry);
        }
    }

    /// <summary>Breaks the link in post-copy, and mends it.</summary>
    public async ValueTask BreakLinkAsync(BrokenLink broken)
    {
        await AwaitMigrationAsync(SendsPostcopy);
        if (Migration is not { } migration || !SendsPostcopy(migration)) return;
        migration.Wire.Broken = broken;

        // A link that is repaired in the step in which it broke is never seen broken.
        await AwaitMigrationAsync(paused => paused.Status == MigrationStatus.PostcopyPaused);
        migration.Wire.Broken = BrokenLink.Whole;
        while (migration.Result is null && !Bed.MachineOf(migration.From).IsDead && !migration.Process.Recover())
            await Bed.World.PointAsync(SchedulingPoint.Retry);

        // The source is still in device when the destination runs already.
        static bool SendsPostcopy(BedMigration migration) =>
            migration.Status is (MigrationStatus.Device or MigrationStatus.PostcopyActive)
                && migration.Incoming is { Runs: true, NeedsSource: true };
    }

    /// <summary>Every page of guest memory holds the newest value that was written to it, in all its bytes.</summary>
    public ValueTask CheckMemoryAsync() => Survivor?.CheckMemoryAsync(Bed.NewOperation(OperationKind.Audit)) ?? ValueTask.CompletedTask;

    /// <summary>Takes away whatever of range, VM and process the actors have left, so that a plan may be played without any of
    /// them.</summary>
    public async ValueTask EndAsync(TeardownOrder order)
    {
        if (_held is not null)
            foreach (var held in _held.Values) await Vm.Host.CloseRangeAsync(held);
        await Vm.TearDownAsync(Bed.NewOperation(OperationKind.VmDestroy), order);
    }

    /// <summary>The operation by which an actor holds its range open; made at its first use.</summary>
    public Operation HeldBy(string actor)
    {
        _state.Writes();
        _held ??= [];
        if (!_held.TryGetValue(actor, out var op)) _held[actor] = op = Bed.NewOperation(OperationKind.HeldRange);
        return op;
    }
}
