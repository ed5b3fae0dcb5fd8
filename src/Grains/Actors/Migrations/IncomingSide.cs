using Livebed.Grains.Contracts;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>
/// The destination's half of a migration, as a VM grain has it. It asks the source now and then whether that still knows of the migration:
/// one that answers no has lost it with its silo, because state lives in one activation, or has given up. No answer says nothing, and is
/// asked for again: Orleans declares a dead silo dead, and then somebody else answers.
/// </summary>
internal sealed class IncomingSide
{
    private const long WatchMicroseconds = 500_000;

    private readonly VmProcess _process;
    private readonly ActorJournal _journal;
    private readonly IVmGrain _source;
    private readonly IncomingVm _vm;
    private readonly MigrationSetup _setup;
    private Task _moving = Task.CompletedTask;
    private bool _isComplete;

    /// <param name="grains">the cluster</param>
    /// <param name="journal">the grain's</param>
    /// <param name="process">the VM to be</param>
    /// <param name="setup">the migration</param>
    /// <param name="sourceKey">the VM's grain at the source</param>
    /// <param name="drop">takes down what there is of the VM</param>
    public IncomingSide(
        IGrainFactory grains, ActorJournal journal, VmProcess process, MigrationSetup setup, string sourceKey,
        Func<Operation, ValueTask> drop)
    {
        (_process, _journal, _setup, _source) = (process, journal, setup, grains.GetGrain<IVmGrain>(sourceKey));
        _vm = new IncomingVm(process, drop);
        Migration = new IncomingMigration(
            journal.World, process.Message.Options.Name, new GrainStreamPort(process.Host, process.Message.AddressSpaceId, process.Key),
            _vm, new GrainInventory(grains),
            new GrainHostOwnership(process.Host, process.Message.HostKey), new GrainReturnPath(_source));
    }

    public IncomingMigration Migration { get; }

    /// <summary>The VM in the inventory.</summary>
    public string Vm => _setup.Vm;

    /// <summary>Under which the VM runs; 0 before.</summary>
    public long Epoch => _vm.Epoch;

    public ValueTask<StreamStatus> PrepareAsync(Operation op) => MoveAsync(Migration.PrepareAsync(op, _setup));

    public ValueTask<StreamStatus> TakeOverAsync(Operation op, DeviceState state) => MoveAsync(Migration.TakeOverAsync(op, state));

    /// <summary>Returns when neither a preparation nor a take-over is under way: the VM runs here, can be abandoned, or has gone, and is
    /// destroyed as what it is.</summary>
    public async ValueTask SettledAsync() =>
        await _moving.ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);

    public async ValueTask<FinishResult> FinishAsync(Operation op)
    {
        var result = await Migration.FinishAsync(op);
        _isComplete |= result.Status == StreamStatus.Ok;
        return result;
    }

    /// <summary>Until the migration needs its source no more.</summary>
    public async ValueTask WatchSourceAsync()
    {
        while (Migration.NeedsSource)
        {
            await _journal.World.DelayAsync(WatchMicroseconds);
            if (!Migration.NeedsSource || await GrainCall.OrLostAsync(true, () => _source.MigratesAsync(_setup.Stream))) continue;
            await _journal.RunAsync(new Operation(_process.MigrationIds.Next(), OperationKind.MigrationIncoming), SourceGoneAsync, Outcome);
        }

        async ValueTask<MigrationInfo> SourceGoneAsync()
        {
            await Migration.SourceGoneAsync(new Operation(_process.MigrationIds.Next(), OperationKind.MigrationIncoming));
            return Migration.Info;
        }

        (string Type, string? Value) Outcome(MigrationInfo info) =>
            (info.Status == MigrationStatus.Completed ? "ok" : "fail", $"{Vm} at {_setup.Destination}: {info.Status} {info.Reason}");
    }

    /// <summary>Before the VM dies: who waits for a page that is still at the source waits no more.</summary>
    public async ValueTask EndAsync()
    {
        if (!_isComplete) await _process.Host.EndIncomingAsync(_process.Message.AddressSpaceId, _setup.Stream);
    }

    private async ValueTask<StreamStatus> MoveAsync(ValueTask<StreamStatus> step)
    {
        var moving = step.AsTask();
        _moving = Task.WhenAll(_moving, moving);
        return await moving;
    }
}
