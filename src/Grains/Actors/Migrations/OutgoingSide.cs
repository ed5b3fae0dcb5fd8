using Livebed.Grains.Contracts;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>
/// The source's half of a migration, as a VM grain has it. The VM becomes known to the inventory when it migrates for the first time; from
/// then on its epoch is the inventory's.
/// </summary>
internal sealed class OutgoingSide(IGrainFactory grains, ActorJournal journal, VmProcess process, MigrationRequest request)
{
    private const int FindAttempts = 100;
    private const long FindPauseMicroseconds = 50_000;

    private readonly GrainInventory _inventory = new GrainInventory(grains);
    private readonly GrainHostOwnership _hostOwnership = new(process.Host, process.Message.HostKey);
    private readonly GrainStreamPort _stream = new(
        process.Host, process.Message.AddressSpaceId, process.Key,
        request.Faults with { BreakOperations = [.. request.Faults.LinkBreaks.Select(_ => process.MigrationIds.Next().Value)] });
    private MigrationInfo _info = new();
    private bool _cancelled;
    private bool _startsPostcopy;

    /// <summary>Null until the inventory has said whose the VM is.</summary>
    public MigrationSource? Source { get; private set; }

    public MigrationInfo Info => Source?.Info ?? _info;

    /// <summary>It has come to its end, whichever.</summary>
    public bool IsOver { get; private set; }

    /// <summary>What the inventory calls the VM.</summary>
    public string Vm => request.Setup.Vm;

    public long Stream => request.Setup.Stream;

    /// <summary>The VM's epoch as this grain knows it last.</summary>
    public long Epoch { get; private set; }

    /// <param name="op">the operation</param>
    /// <param name="before">what has to end first</param>
    public async ValueTask<MigrationInfo> RunAsync(Operation op, Func<ValueTask> before)
    {
        try
        {
            await before();
            var owner = await OwnerAsync(op);
            if (_cancelled) return EndedAs(MigrationStatus.Cancelled, "cancelled before it began");
            if (owner.Status != OwnershipStatus.Granted || owner.Host != _hostOwnership.Host)
                return EndedAs(
                    MigrationStatus.Failed,
                    owner.Status == OwnershipStatus.Lost
                        ? "the inventory does not answer"
                        : $"the inventory says that {Vm} is owned by {owner.Host}");
            Epoch = owner.Epoch;
            var destination = new GrainMigrationDestination(
                grains.GetGrain<IVmGrain>(request.DestinationKey), request.Target, process.Key,
                request.Faults.LosesAnswer ? LoseAnswerAsync : null);
            Source = new MigrationSource(
                process.Vm!, process.MigrationIds, _stream, destination, _inventory, _hostOwnership,
                request.Setup with { Epoch = owner.Epoch },
                request.Parameters);
            if (_startsPostcopy) Source.StartPostcopy();
            var info = await Source.RunAsync(op);
            Epoch = Math.Max(Epoch, info.Epoch);
            return info;
        }
        finally
        {
            IsOver = true;
        }
    }

    public CancelCase Cancel()
    {
        if (IsOver) return CancelCase.NothingToDo;
        if (Source is not null) return Source.Cancel();
        _cancelled = true;
        return CancelCase.AtNextStep;
    }

    public bool StartPostcopy()
    {
        if (IsOver) return false;
        _startsPostcopy = true;
        Source?.StartPostcopy();
        return true;
    }

    /// <summary>After the VM has moved and what was left of it here is gone.</summary>
    public async ValueTask CheckNothingLeftAsync(Operation op)
    {
        process.Vm!.Counters.ChecksEvaluated++;
        if (await _stream.PagesHeldAsync(op) is var held and > 0)
            process.Vm.Violated(
                Invariants.SourceRestored, $"{held} pages of {Vm} are left at {_hostOwnership.Host} after it has moved", operations: op.Id);
    }

    private async ValueTask<Ownership> OwnerAsync(Operation op)
    {
        for (var attempt = 0; attempt < FindAttempts && !_cancelled; attempt++)
        {
            var owner = await _inventory.FindAsync(op, Vm);
            if (owner.Status == OwnershipStatus.Refused) owner = await _inventory.RegisterAsync(op, Vm, _hostOwnership.Host);

            // An inventory that has been replaced meanwhile counts for nothing: the next one is asked.
            if (owner.Status != OwnershipStatus.Lost && await _hostOwnership.TakeAsync(Vm, owner) is not OwnershipStatus.Lost and var taken)
                return owner with { Status = taken };
            await journal.World.DelayAsync(FindPauseMicroseconds);
        }

        return Ownership.Lost;
    }

    private async ValueTask<StreamStatus> LoseAnswerAsync(StreamStatus answer) => await journal.RunAsync(
        new Operation(process.MigrationIds.Next(), OperationKind.AnswerLoss), () => ValueTask.FromResult(StreamStatus.Lost),
        _ => ("ok", $"{Vm} to {request.Setup.Destination}: the answer {answer} to the hand-over is lost"));

    private MigrationInfo EndedAs(MigrationStatus status, string reason) => _info = new MigrationInfo { Status = status, Reason = reason };
}
