#pragma warning disable RS0030 // reports its footprint by hand
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>
/// One migration away, as the source's process has it: the inventory is asked for the VM's epoch, which makes the VM known there the
/// first time, and then <see cref="MigrationSource"/> runs. Until that begins a cancel, a wish for post-copy and memslot updates wait here.
/// </summary>
internal sealed class OutgoingSide(
    IWorld world, ProcessPorts ports, Vm vm, OperationIds ids, IMigrationDestination destination, MigrationSetup setup,
    MigrationParameters parameters)
{
    private const int FindAttempts = 100;
    private const long FindPauseMicroseconds = 50_000;

    private readonly RunningCount _beginning = new(world);
    private readonly Place _place = new(world);
    private MigrationSource? _source;
    private MigrationInfo _info = new();
    private bool _isCancelled;
    private bool _startsPostcopy;
    private bool _isOver;

    /// <summary>Null until the inventory has said that this host owns the VM.</summary>
    public MigrationSource? Source
    {
        get
        {
            _place.Reads();
            return _source;
        }
    }

    /// <summary>It has come to its end, good or bad.</summary>
    public bool IsOver
    {
        get
        {
            _place.Reads();
            return _isOver;
        }
    }

    public MigrationInfo Info => Source?.Info ?? _info;

    /// <summary>The VM as the inventory calls it.</summary>
    public string Vm => setup.Vm;

    public long Stream => setup.Stream;

    /// <summary>The epoch of the VM as this host knows it; 0 before the inventory has said it.</summary>
    public long Epoch { get; private set; }

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

            var info = await _source!.RunAsync(op);
            Epoch = Math.Max(Epoch, info.Epoch);
            return info;
        }
        finally
        {
            _place.Writes();
            _isOver = true;
        }
    }

    /// <summary>Returns when <see cref="Source"/> is there, or never will be.</summary>
    public ValueTask BegunAsync(Operation op) => _beginning.DrainAsync(op);

    public CancelCase Cancel()
    {
        _place.Writes();
        if (_isOver) return CancelCase.NothingToDo;
        if (_source is not null) return _source.Cancel();
        _isCancelled = true;
        return CancelCase.AtNextStep;
    }

    /// <summary>False when it is over.</summary>
    public bool StartPostcopy()
    {
        _place.Writes();
        if (_isOver) return false;
        _startsPostcopy = true;
        _source?.StartPostcopy();
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
        _place.Writes();
        if (_isCancelled) return EndedAs(MigrationStatus.Cancelled, "cancelled before it began");
        if (owner.Status == OwnershipStatus.Lost) return EndedAs(MigrationStatus.Failed, "the inventory does not answer");
        if (owner.Status != OwnershipStatus.Granted || owner.Host != ports.Ownership.Host)
            return EndedAs(MigrationStatus.Failed, $"the inventory says that {Vm} is owned by {owner.Host}");
        Epoch = owner.Epoch;
        _source = new MigrationSource(
            vm, ids, ports.Stream, destination, ports.Inventory, ports.Ownership, setup with { Epoch = owner.Epoch }, parameters);
        if (_startsPostcopy) _source.StartPostcopy();
        return null;
    }

    /// <summary>Which host owns the VM, and under which epoch. A VM that no inventory knows is registered by the host where it
    /// is.</summary>
    private async ValueTask<Ownership> OwnerAsync(Operation op)
    {
        for (var attempt = 0; attempt < FindAttempts; attempt++)
        {
            _place.Reads();
            if (_isCancelled) break;
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

    private MigrationInfo EndedAs(MigrationStatus status, string reason) => _info = new MigrationInfo { Status = status, Reason = reason };
}
