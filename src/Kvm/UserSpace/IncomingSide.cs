using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>
/// The migration that brings a VM here, as the destination's process has it. <see cref="IncomingMigration"/> decides; this makes and drops
/// the process for it, and watches the source. A source that answers that it does not migrate has given up, or has died and another machine
/// answers for it. No answer says nothing, and is asked for again.
/// </summary>
public sealed class IncomingSide : IMigrationDestination, IIncomingVm
{
    private readonly IWorld _world;
    private readonly VmProcess _process;
    private readonly ProcessPorts _ports;
    private readonly long _watchMicroseconds;
    private readonly RunningCount _moves;
    private Tracked<IReadOnlyList<VcpuState>> _states;
    private Tracked<MigrationSetup?> _setup;
    private Tracked<bool> _isComplete;
    private Tracked<long> _epoch;

    internal IncomingSide(IWorld world, VmProcess process, ProcessSpec spec, ProcessPorts ports, ISourcePort source)
    {
        (_world, _process, _ports, _watchMicroseconds) = (world, process, ports, spec.WatchMicroseconds);
        _moves = new RunningCount(world);
        (_states, _setup) = (new Tracked<IReadOnlyList<VcpuState>>(world, []), new Tracked<MigrationSetup?>(world));
        (_isComplete, _epoch) = (new Tracked<bool>(world), new Tracked<long>(world));
        Migration = new IncomingMigration(
            world, spec.Options.Name, ports.Stream, this, ports.Inventory, ports.Ownership, source, spec.Options.Mutant);
    }

    public IncomingMigration Migration { get; }

    /// <summary>The VM as the inventory calls it; empty before a source has asked.</summary>
    public string Vm => _setup.Value?.Vm ?? "";

    /// <summary>Under which the VM runs here; 0 before.</summary>
    public long Epoch => _epoch.Value;

    /// <inheritdoc/>
    public async ValueTask<StreamStatus> PrepareAsync(Operation op, MigrationSetup setup)
    {
        if (_process.State != ProcessState.Preparing) return StreamStatus.Refused;
        var isRepeated = _setup.Value is not null;
        _setup.Value ??= setup;
        var status = await CallAsync(() => _moves.RunAsync(() => Migration.PrepareAsync(op, setup)));
        if (status == StreamStatus.Ok && !isRepeated && _watchMicroseconds > 0) _world.Start($"watch of {Vm}'s source", WatchSourceAsync);
        return status;
    }

    /// <inheritdoc/>
    public ValueTask<StreamStatus> CompareAsync(Operation op, MemoryImage image) => CallAsync(() => Migration.CompareAsync(op, image));

    /// <inheritdoc/>
    public ValueTask<StreamStatus> TakeOverAsync(Operation op, DeviceState state) =>
        CallAsync(() => _moves.RunAsync(() => Migration.TakeOverAsync(op, state)));

    /// <inheritdoc/>
    public async ValueTask<FinishResult> FinishAsync(Operation op)
    {
        var result = await CallAsync(() => Migration.FinishAsync(op));
        if (result.Status == StreamStatus.Ok) _isComplete.Value = true;
        return result;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<PageSet>?> RecoverAsync(Operation op) => CallAsync(() => Migration.RecoverAsync(op));

    /// <inheritdoc/>
    public ValueTask<StreamStatus> ResumeAsync(Operation op) => CallAsync(() => Migration.ResumeAsync(op));

    /// <inheritdoc/>
    public ValueTask<StreamStatus> AbandonAsync(Operation op) => CallAsync(() => Migration.AbandonAsync(op));

    /// <summary>Before the VM is destroyed: returns when it runs here, or has gone. A take-over that is under way comes to its end
    /// first.</summary>
    internal async ValueTask GiveUpAsync(Operation op)
    {
        await _moves.DrainAsync(op);
        await AbandonAsync(op);
    }

    /// <summary>Before commands are waited for and vCPUs stopped: what waits for a page of the source waits no more.</summary>
    internal async ValueTask EndAsync(Operation op)
    {
        if (_setup.Value is { } setup && !_isComplete.Value) await _ports.Stream.EndIncomingAsync(op, setup.Stream);
    }

    bool IIncomingVm.IsWanted => _process.State == ProcessState.Preparing;

    ValueTask<StreamStatus> IIncomingVm.TryCreateProcessAsync(Operation op) => _ports.Process.TryCreateAsync(op);

    async ValueTask IIncomingVm.LoadAsync(Operation op, DeviceState state)
    {
        var vm = await _process.CreateVmAsync(op);
        foreach (var memslot in state.Memslots)
            if (await vm.MemslotUpdates.SetAsync(op, memslot) is not MemslotResult.Ok and var refusal)
                vm.Violated(
                    Invariants.SameMemory, $"memslot {memslot.Id} could not be made at the destination: {refusal}", operations: op.Id);
        _states.Value = state.Vcpus;
    }

    async ValueTask IIncomingVm.RunAsync(Operation op, long epoch)
    {
        _epoch.Value = epoch;
        await _process.RunAsync(op, [.. _states.Value.Select(state => state with { Epoch = epoch })]);
        _states.Value = [];
    }

    ValueTask IIncomingVm.DropAsync(Operation op) => _process.DropAsync(op);

    private async ValueTask<T> CallAsync<T>(Func<ValueTask<T>> call)
    {
        var answer = await call();
        await _process.LeaveAsync();
        return answer;
    }

    /// <summary>Until the migration needs its source no more, or the VM is being destroyed.</summary>
    private async ValueTask WatchSourceAsync()
    {
        while (IsWatching)
        {
            await _world.DelayAsync(_watchMicroseconds);
            if (!IsWatching || await _ports.Source!.MigratesAsync(NewOperation(), _setup.Value!.Stream) || !IsWatching) continue;
            await CallAsync(() => _ports.Process.RunUnaskedAsync(NewOperation(), async () =>
            {
                await Migration.SourceGoneAsync(NewOperation());
                return Migration.Info;
            }));
        }
    }

    private bool IsWatching => Migration.NeedsSource && !_process.IsGoing;

    private Operation NewOperation() => _ports.Process.NewOperation(OperationKind.MigrationIncoming);
}
