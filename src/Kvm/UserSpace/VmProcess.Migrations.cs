using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>
/// The migrations of one process: the one that brought the VM here, if any, and those that take it away, of which there is one at a time.
/// When the VM is the destination's, or was and is lost, what is left of it here goes.
/// </summary>
public sealed partial class VmProcess
{
    private Tracked<OutgoingSide?> _outgoing;

    /// <summary>The migration that brings the VM here; null for a VM that begins here.</summary>
    public IncomingSide? Incoming { get; }

    public bool IsMigrating => Migrating is not null;

    /// <summary><c>query-migrate</c>: the migration that goes on, or the last; null when there was none.</summary>
    public MigrationInfo? Info => Outgoing?.Info ?? Incoming?.Migration.Info;

    /// <summary>The source's half of the migration that goes on, or of the last; null before its epoch is known.</summary>
    public MigrationSource? Source => Outgoing?.Source;

    private OutgoingSide? Outgoing => _outgoing.Value;

    /// <summary>The newest epoch of the VM that this process has heard of; 0 for none.</summary>
    private long Epoch => Math.Max(Outgoing?.Epoch ?? 0, Incoming?.Epoch ?? 0);

    private OutgoingSide? Migrating => Outgoing is { IsOver: false } outgoing ? outgoing : null;

    /// <summary>Why no migration can begin now; null when one can.</summary>
    public string? MigrationRefusal() => Vm switch
    {
        null => "there is no such VM",
        _ when IsMigrating => "it migrates already",
        { IsHandedOver: true } => "the VM is gone",
        _ => State == ProcessState.Running ? null : "the VM is gone",
    };

    /// <summary>A source wants to move its VM here. A process with a VM of its own refuses.</summary>
    public ValueTask<StreamStatus> PrepareIncomingAsync(Operation op, MigrationSetup setup) =>
        Incoming?.PrepareAsync(op, setup) ?? ValueTask.FromResult(StreamStatus.Refused);

    /// <summary>Moves the VM; see <see cref="MigrationSource.RunAsync"/>. Ends with the process <see cref="ProcessState.Closed"/> when the
    /// VM is not this host's any more.</summary>
    /// <param name="op">the operation</param>
    /// <param name="destination">user space there</param>
    /// <param name="setup">from where to where; the epoch is the inventory's</param>
    /// <param name="parameters">how</param>
    public async ValueTask<MigrationInfo> MigrateAsync(
        Operation op, IMigrationDestination destination, MigrationSetup setup, MigrationParameters parameters)
    {
        if (MigrationRefusal() is { } refusal) return new MigrationInfo { Status = MigrationStatus.Failed, Reason = refusal };
        return await _migrations.RunAsync(async () =>
        {
            if (Outgoing is not null) _world.Reached(ReachedCase.MigratedAgain);
            var outgoing = new OutgoingSide(_world, _ports, Vm!, Devices!, MigrationIds, destination, setup, parameters, Epoch);
            Enter(ProcessState.Migrating);
            _outgoing.Value = outgoing;
            try
            {
                var info = await outgoing.RunAsync(op, () => PrepareMigrationAsync(op));
                if (outgoing.IsGone) await _ports.Ownership.ReleaseAsync(outgoing.Vm, outgoing.Epoch);
                if ((info.IsHandedOver || outgoing.IsGone) && !IsGoing)
                {
                    await TearDownAsync(op, TeardownOrder.VmFirst);
                    await outgoing.CheckNothingLeftAsync(op);
                }

                return info;
            }
            finally
            {
                if (State == ProcessState.Migrating) Enter(ProcessState.Running);
            }
        });
    }

    /// <summary><c>migrate_cancel</c>: returns at once.</summary>
    public CancelCase Cancel() => Outgoing?.Cancel() ?? CancelCase.NothingToDo;

    /// <summary><c>migrate-start-postcopy</c>: false when no migration goes on.</summary>
    public bool StartPostcopy() => Outgoing?.StartPostcopy() == true;

    /// <summary><c>migrate-recover</c>: false when no migration is paused.</summary>
    public bool Recover() => Source?.Recover() == true;

    /// <summary>A vCPU at the destination waits for the page.</summary>
    public ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva) =>
        Source?.RequestPageAsync(op, hva) ?? ValueTask.FromResult(StreamStatus.Lost);

    /// <summary>The migration goes on here, so pages that were not sent are not lost.</summary>
    public bool Migrates(long stream) => Migrating?.Stream == stream;

    /// <summary>The dirty log has one user: a step that began before may switch it on yet, and take what the migration needs. And a memslot
    /// update that began before may make a memslot that the migration has not seen.</summary>
    private async ValueTask PrepareMigrationAsync(Operation op)
    {
        if (_logSteps.IsAny) _world.Reached(ReachedCase.LogStepMetMigration);
        if (_spec.Options.Mutant != Mutant.MigrationJoinsLogStep) await _logSteps.DrainAsync(op);
        await Session!.DisableAsync(op);
        await _memslotUpdates.DrainAsync(op);
    }

    /// <summary>The VM is gone for good: host and inventory forget it. Of a migration that got no answer of the inventory its first
    /// question may have made the VM known all the same.</summary>
    private async ValueTask LeaveInventoryAsync(Operation op)
    {
        var epoch = Epoch;
        if (epoch == 0 && Incoming is null && Outgoing is not null) epoch = VmEpoch.First;
        if (epoch == 0) return;
        await OwnershipRemoval.MakeAsync(_world, _ports.Inventory, _ports.Ownership, op, Outgoing?.Vm ?? Incoming!.Vm, epoch);
    }
}
