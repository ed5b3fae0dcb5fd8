using Livebed.Grains.Actors.Migrations;
using Livebed.Grains.Contracts;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;
using Orleans.Concurrency;

namespace Livebed.Grains.Actors;

/// <summary>
/// Adapter of a <see cref="Vm"/> and of the user space around it (its dirty-log session, its process). Reentrant: what excludes operations
/// from each other are the model's locks, never the grain's turn. Commands are remembered by operation id, so a repeat is harmless.
/// </summary>
[Reentrant]
[LivebedPlacement]
[KeepAlive]
internal sealed partial class VmGrain(SiloTelemetry telemetry, ClusterWorldOptions options) : Grain, IVmGrain
{
    private const int CommandsRemembered = 1024;

    private readonly RememberedResults<object?> _commands = new(CommandsRemembered);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ActorJournal? _journal;
    private VmProcess? _process;
    private VmMigrations? _migrations;
    private Task _moving = Task.CompletedTask;
    private Task<ActorReport[]>? _dropping;
    private int _commandsRunning;
    private bool _isClosing;
    private bool _hasLeft;
    private EmptyActivation? _vacancy;

    private EmptyActivation EmptyActivation => _vacancy ??= new EmptyActivation(this);

    /// <summary>The VM, from the moment when it is made.</summary>
    private Vm? TheVm => _process?.Vm;

    public async ValueTask<bool> CreateAsync(OperationMessage op, VmMessage vm)
    {
        if (!EmptyActivation.TryFill()) return false;
        await _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            var process = Begin(vm);
            var operation = op.ToOperation();
            await _journal!.RunAsync(operation, async () =>
            {
                await BringUpAsync(operation, process);
                return true;
            }, _ => ("ok", null));
            return null;
        });
        return true;
    }

    public ValueTask<MemslotResult> SetMemslotAsync(OperationMessage op, MemslotChange change) => CommandAsync(
        op, MemslotResult.Dead, (_, operation) => _migrations!.SetMemslotAsync(operation, change),
        result => (result == MemslotResult.Ok ? "ok" : "fail", $"slot {change.Id} pages {change.Pages} at {change.BaseGfn}: {result}"));

    public ValueTask<long> DirtyLogAsync(OperationMessage op, DirtyLogStep step) => CommandAsync(
        op, -1L, (_, operation) => _migrations!.IsMigrating ? ValueTask.FromResult(-1L) : _process!.RunDirtyLogAsync(operation, step),
        pages => (pages >= 0 ? "ok" : "fail", $"{step}: {pages} pages"));

    public ValueTask<bool> SoftwareWriteAsync(OperationMessage op, long gfn) => CommandAsync(
        op, false, (vm, operation) => vm.SoftwareWriter.WriteAsync(operation, 0, new Gfn(gfn), SoftwareToken(vm, operation)),
        done => (done ? "ok" : "fail", $"gfn 0x{gfn:x}"));

    public ValueTask<int> AuditAsync(OperationMessage op) => CommandAsync(
        op, 0, (vm, operation) => vm.Auditor.AuditAsync(operation), sptes => ("ok", $"{sptes} SPTEs"));

    public async ValueTask<IReadOnlyList<ActorReport>> DestroyAsync(OperationMessage op, DestroyMessage how)
    {
        if (_process is not { } process || _journal is not { } journal) return Vacant<IReadOnlyList<ActorReport>>([]);
        return (IReadOnlyList<ActorReport>)(await _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            var operation = op.ToOperation();
            await EndMigrationsAsync(operation);

            // It has gone elsewhere, or will never be, and left its last reports with whoever saw to that.
            if (_isClosing) return Array.Empty<ActorReport>();
            var vcpus = await journal.RunAsync(
                operation, () => TearDownAsync(process, operation, how), _ => ("ok", $"{how.Order}, shares mm: {how.SharesAddressSpace}"));
            await _migrations!.LeaveInventoryAsync(operation);
            return Close(vcpus);
        }))!;
    }

    public async ValueTask<MigrationOutcome> MigrateAsync(OperationMessage op, MigrationRequest request)
    {
        if (TheVm is not { } vm || _journal is not { } journal) return Vacant(Refused("there is no such VM"));
        var moving = _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            if (_isClosing || vm.IsHandedOver) return Refused("the VM is gone");
            if (_migrations!.IsMigrating) return Refused("it migrates already");
            var operation = op.ToOperation();
            var moved = await journal.RunAsync(operation, () => MoveAsync(_migrations, operation, request), result => (
                result.Info.Status == MigrationStatus.Completed ? "ok" : "fail",
                $"{request.Setup.Vm} to {request.Setup.Destination}: {result.Info.Status} {result.Info.Reason}"));
            return moved.Vcpus is { } vcpus ? new MigrationOutcome(moved.Info, Close(vcpus)) : new MigrationOutcome(moved.Info, []);
        });
        _moving = Task.WhenAll(_moving, moving);
        return (MigrationOutcome)(await moving)!;
    }

    public ValueTask<MigrationInfo?> MigrationInfoAsync() =>
        ValueTask.FromResult(_migrations is null ? Vacant<MigrationInfo?>(null) : _migrations.Info);

    public ValueTask<CancelCase> CancelMigrationAsync(OperationMessage op) =>
        ValueTask.FromResult(_migrations?.Cancel() ?? Vacant(CancelCase.NothingToDo));

    public ValueTask<bool> StartPostcopyAsync(OperationMessage op) => ValueTask.FromResult(_migrations?.StartPostcopy() ?? Vacant(false));

    public ValueTask<bool> RecoverMigrationAsync(OperationMessage op) => ValueTask.FromResult(_migrations?.Recover() ?? Vacant(false));

    public ValueTask<StreamStatus> RequestPageAsync(OperationMessage op, long hva) =>
        _migrations?.RequestPageAsync(op.ToOperation(), new Hva(hva)) ?? Vacant(ValueTask.FromResult(StreamStatus.Lost));

    public ValueTask<bool> MigratesAsync(long stream) => ValueTask.FromResult(_migrations?.Migrates(stream) ?? Vacant(false));

    public async ValueTask<StreamStatus?> PrepareIncomingAsync(
        OperationMessage op, MigrationSetup setup, VmMessage target, string sourceKey)
    {
        if (!EmptyActivation.TryFill()) return null;
        if (_process is not null) return StreamStatus.Refused;
        Begin(target);
        return await _migrations!.PrepareIncomingAsync(op.ToOperation(), setup, sourceKey, DropAsync, LeaveAsync);
    }

    public ValueTask<StreamStatus> CompareIncomingAsync(OperationMessage op, MemoryImageMessage image) =>
        IncomingAsync(op, StreamStatus.Refused, (side, operation) => side.Migration.CompareAsync(operation, image.ToImage()));

    public ValueTask<StreamStatus> TakeOverAsync(OperationMessage op, DeviceStateMessage state) =>
        IncomingAsync(op, StreamStatus.Refused, (side, operation) => side.TakeOverAsync(operation, state.ToState()));

    public ValueTask<FinishResult> FinishIncomingAsync(OperationMessage op) =>
        IncomingAsync(op, FinishResult.Refused, (side, operation) => side.FinishAsync(operation));

    public ValueTask<PageSet[]?> RecoverIncomingAsync(OperationMessage op) => IncomingAsync(op, null, async (side, operation) =>
        (await side.Migration.RecoverAsync(operation))?.ToArray());

    public ValueTask<StreamStatus> ResumeIncomingAsync(OperationMessage op) =>
        IncomingAsync(op, StreamStatus.Refused, (side, operation) => side.Migration.ResumeAsync(operation));

    public ValueTask<StreamStatus> AbandonIncomingAsync(OperationMessage op) =>
        IncomingAsync(op, StreamStatus.Ok, (side, operation) => side.Migration.AbandonAsync(operation));

    public async ValueTask PageMissingAsync(OperationMessage op, long hva)
    {
        if (_migrations?.Incoming is { } incoming) await incoming.Migration.PageMissingAsync(op.ToOperation(), new Hva(hva));
        else EmptyActivation.Noticed();
    }

    public async ValueTask<IReadOnlyList<ActorReport>> InspectAsync(bool settled)
    {
        if (_process is not { } process || _journal is null) return Vacant<IReadOnlyList<ActorReport>>([]);
        if (settled && process.Vm is { } vm) await SettleAsync(vm);
        var vcpus = await Task.WhenAll(process.Vcpus.Select(vcpu => vcpu.InspectAsync().AsTask()));
        return [Report(), .. vcpus];
    }

    public async ValueTask<FaultMessage> FaultAsync(OperationMessage op, int vcpu, long gfn, bool write) => TheVm is not { } vm
        ? Vacant(new FaultMessage(Kvm.Paging.FaultStatus.Dead, default, null, Dirtied: false))
        : FaultMessage.From(await vm.Faults.HandleAsync(op.ToOperation(), vcpu, new Gfn(gfn), write));

    public ValueTask ReapDirtyRingsAsync(OperationMessage op) =>
        TheVm is null ? Vacant(ValueTask.CompletedTask) : _migrations!.ReapAsync(op.ToOperation());

    /// <summary>No operation of the driver runs; with the vCPUs kept out of the guest too, no range can be open.</summary>
    private async ValueTask SettleAsync(Vm vm)
    {
        var op = new Operation(_process!.Ids.Next(), OperationKind.Audit);
        await vm.VcpuMutex.DownWriteAsync(op);
        foreach (var vcpu in vm.Vcpus) await vcpu.PauseAsync(op);
        vm.Checks.Settled();
        foreach (var vcpu in vm.Vcpus) await vcpu.ResumeAsync(op);
        vm.VcpuMutex.UpWrite(op);
    }

    private static async ValueTask BringUpAsync(Operation op, VmProcess process)
    {
        if (!await process.TryCreateAsync(op)) throw new InvalidOperationException($"{process.Message.HostKey} was not configured");
        await process.CreateVmAsync(op);
        await process.CreateRamAsync(op);
        await process.StartVcpusAsync();
    }

    /// <summary>Migrates; when the VM is the destination's, what is left of it here goes.</summary>
    private async ValueTask<(MigrationInfo Info, ActorReport[]? Vcpus)> MoveAsync(
        VmMigrations migrations, Operation op, MigrationRequest request)
    {
        var info = await migrations.MigrateAsync(op, request);
        if (info.Status != MigrationStatus.Completed) return (info, null);
        var vcpus = await TearDownAsync(_process!, op, new DestroyMessage(DestroyOrder.VmFirst, SharesAddressSpace: false));
        await migrations.CheckNothingLeftAsync(op);
        return (info, vcpus);
    }

    /// <summary>Before the VM dies: a migration away is cancelled and comes to its end, one that brings it here is given up if it does not
    /// run yet.</summary>
    private async ValueTask EndMigrationsAsync(Operation op)
    {
        _migrations!.Cancel();
        await _moving.ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
        if (_migrations.Incoming is { } incoming)
        {
            await incoming.SettledAsync();
            await incoming.Migration.AbandonAsync(op);
        }

        await LeaveAsync();
    }

    /// <summary>A VM that was to come here never will, or has come and is lost.</summary>
    private async ValueTask DropAsync(Operation op) =>
        await (_dropping = TearDownAsync(_process!, op, new DestroyMessage(DestroyOrder.VmFirst, SharesAddressSpace: false)).AsTask());

    /// <summary>After a VM was dropped, and what dropped it is in the history: nobody waits for its last reports, so the host keeps
    /// them.</summary>
    private async ValueTask LeaveAsync()
    {
        if (_dropping is not { } dropping) return;
        var vcpus = await dropping;
        if (_hasLeft) return;
        _hasLeft = true;
        await _process!.LeaveReportsAsync(Close(vcpus));
    }

    /// <summary>All of it goes. Migrations under way are given up; commands under way hold a reference to the VM, so they end
    /// first.</summary>
    private async ValueTask<ActorReport[]> TearDownAsync(VmProcess process, Operation op, DestroyMessage how)
    {
        _isClosing = true;
        if (_commandsRunning > 0) await _drained.Task;
        await _migrations!.EndIncomingAsync();
        return await process.TearDownAsync(op, how);
    }

    private async ValueTask<T> CommandAsync<T>(
        OperationMessage op, T refused, Func<Vm, Operation, ValueTask<T>> command, Func<T, (string Type, string? Value)> outcome)
    {
        if (TheVm is not { } vm || _journal is not { } journal) return Vacant(refused);
        return (T)(await _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            if (_isClosing || vm.IsHandedOver) return refused;
            var operation = op.ToOperation();
            _commandsRunning++;
            try
            {
                return await journal.RunAsync(operation, () => command(vm, operation), outcome);
            }
            finally
            {
                if (--_commandsRunning == 0 && _isClosing) _drained.TrySetResult();
            }
        }))!;
    }

    /// <summary>What the source asks of the destination; <paramref name="absent"/> where there is none.</summary>
    private async ValueTask<T> IncomingAsync<T>(OperationMessage op, T absent, Func<IncomingSide, Operation, ValueTask<T>> call)
    {
        if (_migrations?.Incoming is not { } incoming || _journal is not { } journal) return Vacant(absent);
        var operation = op.ToOperation();
        using var scope = journal.Observer.Enter(operation);
        var answer = await call(incoming, operation);
        await LeaveAsync();
        return answer;
    }

    private VmProcess Begin(VmMessage vm)
    {
        _journal = new ActorJournal(telemetry, this.GetPrimaryKeyString(), options);
        _process = new VmProcess(GrainFactory, _journal, this.GetPrimaryKeyString(), vm);
        _migrations = new VmMigrations(GrainFactory, _journal, _process);
        return _process;
    }

    /// <summary>The last report, with the end of the very operation that closes in its history; then the activation goes.</summary>
    private ActorReport[] Close(ActorReport[] vcpus)
    {
        _isClosing = true;
        DeactivateOnIdle();
        return [Report(), .. vcpus];
    }

    private static MigrationOutcome Refused(string reason) =>
        new(new MigrationInfo { Status = MigrationStatus.Failed, Reason = reason }, []);

    private ActorReport Report()
    {
        var counters = CounterReport.Of("migration", _migrations!.Counters);
        if (TheVm is not { } vm) return _journal!.Report(counters, [], [], []);
        CounterReport.AddTo(counters, "vm", vm.Counters);
        return _journal!.Report(counters, [vm.Locks], vm.Locks.Waits(), []);
    }

    private static ulong SoftwareToken(Vm vm, Operation op) =>
        ((ulong)vm.Options.Ordinal << 48) | (0xffUL << 40) | ((ulong)op.Id.Count & ((1UL << 40) - 1));

    /// <summary>The answer to a call that found no VM.</summary>
    private T Vacant<T>(T answer)
    {
        EmptyActivation.Noticed();
        return answer;
    }
}
