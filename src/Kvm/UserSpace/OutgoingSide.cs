using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>
/// One migration away, as the source's process has it: the inventory is asked for the VM's epoch, which makes the VM known there the
/// first time, and then <see cref="MigrationSource"/> runs. Until that begins a cancel, a wish for post-copy and memslot updates wait here.
/// </summary>
internal sealed class OutgoingSide(
    IWorld world, ProcessPorts ports, Vm vm, IDevices devices, OperationIds ids, IMigrationDestination destination, MigrationSetup setup,
    MigrationParameters parameters, long epochKnown)
{
    private const int FindAttempts = 100;
    private const long FindPauseMicroseconds = 50_000;

    private readonly RunningCount _beginning = new(world, vm.Options.Mutant);
    private Tracked<MigrationSource?> _source = new(world);
    private Tracked<MigrationInfo> _ended = new(world, new MigrationInfo());
    private Tracked<bool> _isCancelled = new(world);
    private Tracked<bool> _startsPostcopy = new(world);
    private Tracked<bool> _isOver = new(world);
    private Tracked<long> _epoch = new(world, epochKnown);
    private Tracked<long> _term = new(world);
    private Tracked<bool> _isGone = new(world);

    /// <summary>Null until the inventory has said that this host owns the VM.</summary>
    public MigrationSource? Source => _source.Value;

    /// <summary>It has come to its end, good or bad.</summary>
    public bool IsOver => _isOver.Value;

    /// <summary>The VM went for good while this host did not know its owner: it had moved, and was lost or destroyed there.</summary>
    public bool IsGone => _isGone.Value;

    public MigrationInfo Info => Source?.Info ?? _ended.Value;

    /// <summary>The VM as the inventory calls it.</summary>
    public string Vm => setup.Vm;

    public long Stream => setup.Stream;

    /// <summary>The epoch of the VM as this host knows it; 0 before the inventory has said it to this migration or an
    /// earlier one.</summary>
    public long Epoch => _epoch.Value;

    /// <param name="op">the operation</param>
    /// <param name="prepare">what has to end before logging begins</param>
    public async ValueTask<MigrationInfo> RunAsync(Operation op, Func<ValueTask> prepare)
    {
        _beginning.Begin();
        try
        {
            try
            {
                await prepare();
                if (await BeginAsync(op) is { } refusal) return refusal;
            }
            finally
            {
                _beginning.End();
            }

            var info = await Source!.RunAsync(op);
            _epoch.Value = Math.Max(Epoch, info.Epoch);
            if (vm.IsHandedOver && !info.IsHandedOver) _isGone.Value = await HasGoneAsync(op);
            return info;
        }
        finally
        {
            _isOver.Value = true;
        }
    }

    /// <summary>Returns when <see cref="Source"/> is there, or never will be.</summary>
    public ValueTask BegunAsync(Operation op) => _beginning.DrainAsync(op);

    public CancelCase Cancel()
    {
        if (IsOver) return CancelCase.NothingToDo;
        if (Source is { } source) return source.Cancel();
        _isCancelled.Value = true;
        return CancelCase.AtNextStep;
    }

    /// <summary>False when it is over.</summary>
    public bool StartPostcopy()
    {
        if (IsOver) return false;
        _startsPostcopy.Value = true;
        Source?.StartPostcopy();
        return true;
    }

    /// <summary>M3, after the VM has moved and what was left of it here is gone.</summary>
    public async ValueTask CheckNothingLeftAsync(Operation op)
    {
        vm.Counters.ChecksEvaluated++;
        if (await ports.Stream.PagesHeldAsync(op) is var held and > 0)
            vm.Violated(
                Invariants.SourceRestored, $"{held} pages of {Vm} are left at {ports.Ownership.Host} after it has moved",
                operations: op.Id);
    }

    /// <returns>how the migration has ended before it began; null when it begins</returns>
    private async ValueTask<MigrationInfo?> BeginAsync(Operation op)
    {
        var owner = await OwnerAsync(op);

        // Also of a migration that was cancelled meanwhile: a destroy that cancelled it has to take the VM out of the inventory.
        if (owner.Status == OwnershipStatus.Granted && owner.Host == ports.Ownership.Host) _epoch.Value = owner.Epoch;
        if (_isCancelled.Value) return EndedAs(MigrationStatus.Cancelled, "cancelled before it began");
        if (owner.Status == OwnershipStatus.Lost) return EndedAs(MigrationStatus.Failed, "the inventory does not answer");
        if (owner.Status != OwnershipStatus.Granted || owner.Host != ports.Ownership.Host)
            return EndedAs(MigrationStatus.Failed, $"the inventory says that {Vm} is owned by {owner.Host}");
        var source = new MigrationSource(
            vm, devices, ids, ports.Stream, destination, ports.Inventory, ports.Ownership, setup with { Epoch = owner.Epoch }, parameters);
        if (_startsPostcopy.Value) source.StartPostcopy();
        (_source.Value, _term.Value) = (source, owner.Term);
        return null;
    }

    /// <summary>The inventory that knew the VM when it began to migrate knows it no more. A later inventory may only not have asked
    /// this host.</summary>
    private async ValueTask<bool> HasGoneAsync(Operation op) =>
        await ports.Inventory.FindAsync(op, Vm) is { Status: OwnershipStatus.Refused, Epoch: 0 } answer
        && answer.Term == _term.Value
        && await ports.Ownership.RecordAsync(Vm, answer) != OwnershipStatus.Lost;

    /// <summary>Which host owns the VM, and under which epoch. A VM that no inventory knows is registered by the host where it
    /// is.</summary>
    private async ValueTask<Ownership> OwnerAsync(Operation op)
    {
        for (var attempt = 0; attempt < FindAttempts && !_isCancelled.Value; attempt++)
        {
            var owner = await ports.Inventory.FindAsync(op, Vm);
            if (owner.Status == OwnershipStatus.Refused)
                owner = await ports.Inventory.RegisterAsync(op, Vm, ports.Ownership.Host);

            // An inventory that has been replaced meanwhile counts for nothing: the next one is asked.
            if (owner.Status != OwnershipStatus.Lost
                && await ports.Ownership.RecordAsync(Vm, owner) is not OwnershipStatus.Lost and var taken)
                return owner with { Status = taken };
            await world.DelayAsync(FindPauseMicroseconds);
        }

        return Ownership.Lost;
    }

    private MigrationInfo EndedAs(MigrationStatus status, string reason) =>
        _ended.Value = new MigrationInfo { Status = status, Reason = reason };
}
