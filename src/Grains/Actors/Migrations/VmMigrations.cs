using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>
/// The migrations of one VM grain: the one that brought the VM here, if any, and the one that takes it away, of which there is one at a
/// time. While one goes on, memslot updates and ring reaps are its business, because it keeps books about them.
/// </summary>
internal sealed class VmMigrations(IGrainFactory grains, ActorJournal journal, VmProcess process)
{
    private const long BeginsMicroseconds = 2_000;

    private OutgoingSide? _outgoing;
    private Task _memslotUpdates = Task.CompletedTask;

    /// <summary>Null for a VM that began here.</summary>
    public IncomingSide? Incoming { get; private set; }

    public MigrationCounters Counters { get; } = new();

    public bool IsMigrating => Migrating is not null;
    public MigrationInfo? Info => _outgoing?.Info ?? Incoming?.Migration.Info;

    private OutgoingSide? Migrating => _outgoing is { IsOver: false } ? _outgoing : null;

    public CancelCase Cancel() => _outgoing?.Cancel() ?? CancelCase.NothingToDo;

    public bool StartPostcopy() => _outgoing?.StartPostcopy() == true;

    public bool Recover() => _outgoing?.Source?.Recover() == true;

    public ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva) =>
        _outgoing?.Source is { } source ? source.RequestPageAsync(op, hva) : ValueTask.FromResult(StreamStatus.Lost);

    /// <summary>The migration goes on here, so there is still somebody who has its pages.</summary>
    public bool Migrates(long stream) => Migrating?.Stream == stream;

    /// <summary>The VM is to come from another host.</summary>
    /// <param name="op">the operation</param>
    /// <param name="setup">the migration</param>
    /// <param name="sourceKey">the VM's grain at the source</param>
    /// <param name="drop">takes down what there is of the VM</param>
    /// <param name="leave">called when it needs its source no more; if it was dropped, the grain goes</param>
    public async ValueTask<StreamStatus> PrepareIncomingAsync(
        Operation op, MigrationSetup setup, string sourceKey, Func<Operation, ValueTask> drop, Func<ValueTask> leave)
    {
        Incoming = new IncomingSide(grains, journal, process, setup, sourceKey, drop);
        var status = await Incoming.PrepareAsync(op);
        journal.World.Start("watch-source", async () =>
        {
            await Incoming.WatchSourceAsync();
            await leave();
        });
        return status;
    }

    /// <summary>Moves the VM; see <see cref="MigrationSource.RunAsync"/>.</summary>
    public async ValueTask<MigrationInfo> MigrateAsync(Operation op, MigrationRequest request)
    {
        _outgoing = new OutgoingSide(grains, journal, process, request);
        var info = await _outgoing.RunAsync(op, async () =>
        {
            // Of the dirty log there is one user. And a memslot update that began before may make a memslot that the migration has not
            // seen.
            await process.Session!.DisableAsync(op);
            await _memslotUpdates;
        });
        Counters.Add(info);
        return info;
    }

    /// <summary>After the VM has moved and what was left of it here is gone.</summary>
    public ValueTask CheckNothingLeftAsync(Operation op) => _outgoing!.CheckNothingLeftAsync(op);

    public async ValueTask<MemslotResult> SetMemslotAsync(Operation op, MemslotChange change)
    {
        while (Migrating is { } migrating)
        {
            if (migrating.Source is { } source) return await source.SetMemslotAsync(op, change);
            await journal.World.DelayAsync(BeginsMicroseconds);
        }

        var update = process.Vm!.MemslotUpdates.SetAsync(op, change).AsTask();
        _memslotUpdates = _memslotUpdates.IsCompleted ? update : Task.WhenAll(_memslotUpdates, update);
        return await update;
    }

    public ValueTask ReapAsync(Operation op) => Migrating?.Source is { } source ? source.ReapAsync(op) : process.Session!.ReapAsync(op);

    /// <summary>Before the VM dies: who waits for a page that is still elsewhere waits no more.</summary>
    public ValueTask EndIncomingAsync() => Incoming?.EndAsync() ?? ValueTask.CompletedTask;

    /// <summary>The VM is gone for good.</summary>
    public async ValueTask LeaveInventoryAsync(Operation op)
    {
        var (vm, epoch) = _outgoing is { Epoch: > 0 } ? (_outgoing.Vm, _outgoing.Epoch) : (Incoming?.Vm ?? "", Incoming?.Epoch ?? 0);
        if (epoch == 0) return;
        await new GrainHostOwnership(process.Host, process.Message.HostKey).GiveAsync(vm);
        await new GrainInventory(grains).RemoveAsync(op, vm, epoch);
    }
}
