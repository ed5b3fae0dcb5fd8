using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// The source's migration thread (<c>migration_thread</c>, migration/migration.c): set-up, rounds of pre-copy, stop and final sync, hand-over, and, if it went over early, post-copy.
/// Its rules (kvm-protocol 4, 8): logging is on before the first page is read; a page's dirty bit is taken and the page protected before it is read; rounds do not overlap
/// on the wire; the final sync comes when every vCPU has left the guest; from the moment that the destination is asked to take over, the source lets the guest run again only
/// under an epoch that the inventory granted.
/// </summary>
public sealed class MigrationSource : IMigrationReturnPath
{
    private readonly Vm _vm;
    private readonly IStreamPort _stream;
    private readonly IMigrationDestination _destination;
    private readonly IVmInventory _inventory;
    private readonly ITenancy _tenancy;
    private readonly MigrationSetup _setup;
    private readonly MigrationParameters _parameters;
    private readonly RamState _ram;
    private readonly PageChannels _channels;
    private readonly ThrottleControl _throttle;
    private readonly MigrationRecord _record;
    private readonly Postcopy _postcopy;
    private readonly Place _place;
    private long _epoch;
    private bool _cancelRequested;
    private bool _postcopyRequested;

    public MigrationSource(
        Vm vm, OperationIds ids, IStreamPort stream, IMigrationDestination destination, IVmInventory inventory, ITenancy tenancy, MigrationSetup setup,
        MigrationParameters parameters)
    {
        parameters.Check();
        (_vm, _stream, _destination, _inventory, _tenancy, _setup, _parameters) = (vm, stream, destination, inventory, tenancy, setup, parameters);
        _ram = new RamState(vm, stream, setup.Blocks);
        _channels = new PageChannels(vm.World, stream, ids, parameters.Channels);
        _throttle = new ThrottleControl(vm, parameters, setup.PageSize);
        _record = new MigrationRecord(vm, _ram, _channels, _throttle, setup);
        _postcopy = new Postcopy(vm.World, _ram, _channels, stream, destination, setup, parameters, _record);
        _place = new Place(vm.World);
        _epoch = setup.Epoch;
    }

    private enum Way : byte
    {
        SwitchOver,
        Postcopy,
        Cancel,
        Fail,
    }

    private enum Owner : byte
    {
        Source,
        Destination,
        Unknown,
    }

    public MigrationInfo Info => _record.Info;

    public MigrationStatus Status => _record.Status;

    /// <summary>Dirty-log syncs so far.</summary>
    public long Syncs => _record.Syncs;

    /// <summary>Moves the VM; returns when that is done, or given up. Where the VM runs then is in <see cref="MigrationInfo.Status"/>: at the destination when completed, also where it
    /// was when failed before post-copy or cancelled, nowhere when post-copy failed.</summary>
    public async ValueTask<MigrationInfo> RunAsync(Operation op)
    {
        _record.Enter(MigrationStatus.Setup);
        _vm.World.Observer.GuestRuns(_setup.Vm, _setup.Source, _epoch, runs: true);
        var way = await SetUpAsync(op);
        if (way == Way.SwitchOver)
        {
            _record.Enter(MigrationStatus.Active);
            way = await PrecopyAsync(op);
        }

        if (way is Way.Cancel or Way.Fail) await GiveUpAsync(op, way == Way.Cancel);
        else await SwitchOverAsync(op, way == Way.Postcopy);
        return Info;
    }

    /// <summary><c>migrate_cancel</c>: returns at once; the migration ends when it can.</summary>
    public CancelCase Cancel()
    {
        _place.Writes();
        var cancel = MigrationStates.CancelIn(_record.Status);
        if (cancel is CancelCase.AtNextStep or CancelCase.UntilHandedOver) _cancelRequested = true;
        return cancel;
    }

    /// <summary><c>migrate-start-postcopy</c>: at the next step of pre-copy.</summary>
    public void StartPostcopy()
    {
        _place.Writes();
        _postcopyRequested = true;
    }

    /// <summary><c>migrate-recover</c> and <c>migrate -r</c>: the link is whole again. False when the migration is not paused.</summary>
    public bool Recover() => _postcopy.Recover();

    /// <inheritdoc/>
    public ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva) => _postcopy.RequestPageAsync(op, hva);

    /// <summary>User space's own memslot updates while the migration goes on.</summary>
    public async ValueTask<MemslotResult> SetMemslotAsync(Operation op, MemslotChange change)
    {
        await _vm.Bql.AcquireAsync(op);
        var result = _vm.IsHandedOver ? MemslotResult.Dead : await _ram.SetMemslotAsync(op, change);
        _vm.Bql.Release(op);
        return result;
    }

    /// <summary>KVM_EXIT_DIRTY_RING_FULL of a vCPU; without the BQL, as in <see cref="DirtyLogSession.ReapAsync"/>.</summary>
    public async ValueTask ReapAsync(Operation op)
    {
        _record.RingFullExits++;
        await _vm.DirtyRings.ReapAsync(op, _ram.MarkHarvested);
    }

    private async ValueTask<Way> SetUpAsync(Operation op)
    {
        using var phase = _vm.World.Observer.Phase(op, "migration.setup");
        var prepared = await _destination.PrepareAsync(op, _setup);
        if (prepared != StreamStatus.Ok) return _record.Failed($"the destination did not prepare: {prepared}", Way.Fail);
        await _stream.OpenStreamAsync(op, _setup.Stream, _setup.Destination, _setup.DestinationAddressSpace, _parameters.MaxBandwidth);
        await _vm.Bql.AcquireAsync(op);
        var started = await _ram.StartAsync(op);
        _vm.Bql.Release(op);
        if (!started) return _record.Failed("the VM is being destroyed", Way.Fail);
        _throttle.Begin(_vm.World.NowMicroseconds);
        _place.Reads();
        return _cancelRequested ? Way.Cancel : Way.SwitchOver;
    }

    private async ValueTask<Way> PrecopyAsync(Operation op)
    {
        for (var round = 0; ; round++)
        {
            using var phase = _vm.World.Observer.Phase(op, "migration.round");
            _record.RoundBegins(round);
            if (await SendDirtyAsync(op, round, isLive: true) is { } early) return early;
            if (_vm.Options.Mutant != Mutant.NoRoundBarrier && await _channels.DrainAsync(op) is var status and not StreamStatus.Ok)
                return _record.Failed($"pages could not be sent: {status}", Way.Fail);
            var dirty = await SyncAsync(op, isFinal: false);
            if (dirty < 0) return _record.Failed("the VM is being destroyed", Way.Fail);
            _record.RoundEnds(dirty);
            if (Interruption(round + 1) is { } way) return way;
            if (_record.ExpectedDowntimeMicroseconds <= _parameters.DowntimeLimitMicroseconds) return Way.SwitchOver;
            await _throttle.SyncedAsync(op, _vm.World.NowMicroseconds, dirty, _channels.Bytes);
        }
    }

    /// <summary>Sends what is dirty now, batch by batch: clear, then read and send.</summary>
    /// <returns>null when all has been handed to the channels</returns>
    private async ValueTask<Way?> SendDirtyAsync(Operation op, int round, bool isLive)
    {
        var header = new ChunkHeader(_setup.Stream, _setup.Epoch, 0, round, StreamPhase.Precopy);
        foreach (var block in _ram.Blocks)
            for (var word = 0; ;)
            {
                _vm.LogState.Writes();
                if (block.TakeBatch(ref word, _parameters.BatchPages / 64) is not { } batch) break;
                if (isLive)
                {
                    if (_vm.Options.Mutant == Mutant.CopyBeforeClear) await _stream.SendAsync(op, header, batch);
                    await _ram.ClearAsync(op, batch);
                }

                if (!isLive || _vm.Options.Mutant != Mutant.CopyBeforeClear) await _channels.SendAsync(op, header, batch);
                if (_channels.Status != StreamStatus.Ok) return _record.Failed($"pages could not be sent: {_channels.Status}", Way.Fail);
                if (isLive && Interruption(round) is { } way) return way;
            }

        return null;
    }

    /// <summary>What user space or a limit wants instead of another page.</summary>
    private Way? Interruption(int roundsDone)
    {
        _place.Reads();
        if (_cancelRequested) return Way.Cancel;
        if (_postcopyRequested || (_parameters.PostcopyAfterRounds > 0 && roundsDone >= _parameters.PostcopyAfterRounds)) return Way.Postcopy;
        var isLate = _parameters.TimeLimitMicroseconds > 0 && _record.Elapsed >= _parameters.TimeLimitMicroseconds;
        if (!isLate && roundsDone < _parameters.RoundsMax) return null;
        _record.Reason = isLate
            ? $"not done after {_record.Elapsed / 1000} ms"
            : $"not done after {roundsDone} rounds";
        return _parameters.TimeoutAction switch
        {
            TimeoutAction.Suspend => Way.SwitchOver,
            TimeoutAction.Postcopy => Way.Postcopy,
            _ => Way.Cancel,
        };
    }

    private async ValueTask<long> SyncAsync(Operation op, bool isFinal)
    {
        if (!isFinal) await _vm.Bql.AcquireAsync(op);
        var dirty = await _ram.SyncAsync(op, isFinal);
        if (!isFinal) _vm.Bql.Release(op);
        _record.Syncs++;
        return dirty;
    }

    /// <summary><c>migration_completion</c>: stop, final sync, the rest of the pages, device state, hand-over. The BQL is held throughout.</summary>
    private async ValueTask SwitchOverAsync(Operation op, bool toPostcopy)
    {
        using var phase = _vm.World.Observer.Phase(op, "migration.switchover");
        _record.Enter(MigrationStatus.Device);

        // A round that was broken off has batches on their way; they are read before the final sync says what is left.
        if (_vm.Options.Mutant is not (Mutant.NoRoundBarrier or Mutant.LatePageInPostcopy)) await _channels.DrainAsync(op);
        await _vm.Bql.AcquireAsync(op);
        var syncsLast = _vm.Options.Mutant != Mutant.FinalSyncBeforeVcpusLeft;
        if (!syncsLast) await SyncAsync(op, isFinal: true);
        await StopVcpusAsync(op);
        if (syncsLast) await SyncAsync(op, isFinal: true);
        if (_vm.Options.Mutant == Mutant.FinalSyncLosesPage) _ram.Blocks[0].LoseFirst();
        await CheckFinalSetAsync(op);
        var owner = await HandOverAsync(op, toPostcopy);
        if (owner == Owner.Source) await ResumeVcpusAsync(op);
        else _vm.IsHandedOver = true;
        if (owner == Owner.Destination) await _tenancy.GiveAsync(_setup.Vm);
        _vm.VcpuMutex.UpWrite(op);
        _vm.Bql.Release(op);
        if (owner == Owner.Source)
        {
            await GiveUpAsync(op, _cancelRequested);
            return;
        }

        if (owner == Owner.Unknown) _record.Enter(MigrationStatus.Failed);
        else if (toPostcopy) await _postcopy.RunAsync(op);
        else _record.Enter(MigrationStatus.Completed);
        await _stream.CloseStreamAsync(op, _setup.Stream);
    }

    private async ValueTask<Owner> HandOverAsync(Operation op, bool toPostcopy)
    {
        // Late pages of pre-copy must not meet a guest that runs, so the channels are empty before the destination hears of post-copy.
        var isLate = toPostcopy && _vm.Options.Mutant == Mutant.LatePageInPostcopy;
        if (!toPostcopy && await SendDirtyAsync(op, _record.Round + 1, isLive: false) is not null) return Owner.Source;
        if (!isLate && await _channels.DrainAsync(op) is var status and not StreamStatus.Ok)
            return _record.Failed($"pages could not be sent: {status}", Owner.Source);
        _place.Reads();
        if (_cancelRequested) return Owner.Source;
        var state = await StateAsync(op, toPostcopy);
        _record.DeviceStateSent();
        var answer = await _destination.TakeOverAsync(op, state);
        if (answer == StreamStatus.Ok)
        {
            _record.HandedOver(_epoch + 1);
            return Owner.Destination;
        }

        _record.Reason = $"the destination did not take over: {answer}";
        return await ReclaimAsync(op);
    }

    /// <summary>The destination has not said that it runs, which does not mean that it does not: only the inventory can say whose the VM is.</summary>
    private async ValueTask<Owner> ReclaimAsync(Operation op)
    {
        if (_vm.Options.Mutant == Mutant.BothRunAfterFailedHandOver) return Owner.Source;
        var answer = await OwnershipClaim.MakeAsync(_vm.World, _inventory, op, _setup.Vm, _epoch, _setup.Source);
        if (answer.Status == OwnershipStatus.Granted && await _tenancy.TryTakeAsync(_setup.Vm, answer))
        {
            _epoch = answer.Epoch;
            _record.Kept(_epoch);
            return Owner.Source;
        }

        if (answer.Status == OwnershipStatus.Refused && answer.Epoch > 0)
        {
            _record.HandedOver(answer.Epoch);
            return Owner.Destination;
        }

        // Neither side may run it: better none than two.
        _record.Reason = $"{_record.Reason}; the inventory {(answer.Status == OwnershipStatus.Lost ? "did not answer" : "does not know the VM")}, so nobody knows whose it is";
        return Owner.Unknown;
    }

    private async ValueTask<DeviceState> StateAsync(Operation op, bool toPostcopy)
    {
        var image = new List<ulong[]>();
        var newest = new List<ulong[]>();
        foreach (var block in _ram.Blocks)
        {
            image.Add(await _stream.ImageAsync(op, block.Range));
            newest.Add(await _stream.SaveOracleAsync(op, block.Range));
        }

        var vcpus = new List<VcpuState>();
        foreach (var vcpu in _vm.Vcpus) vcpus.Add(await vcpu.SaveAsync(op));
        var memslots = _vm.Memslots.Active.Slots.Where(slot => slot.Id < MemslotUpdater.FirstPrivateId).OrderBy(slot => slot.Id)
            .Select(slot => new MemslotChange(slot.Id, slot.BaseGfn, slot.Pages, slot.BaseHva, slot.Flags & ~MemslotFlags.LogDirtyPages));
        return new DeviceState([.. memslots], vcpus, image, newest, toPostcopy ? [.. _ram.Blocks.Select(block => (ulong[])block.Dirty.Clone())] : []);
    }

    /// <summary>S6 as a migration sees it: each page that differs from its last sent copy is in the final dirty set.</summary>
    private async ValueTask CheckFinalSetAsync(Operation op)
    {
        foreach (var block in _ram.Blocks)
        {
            _vm.Counters.ChecksEvaluated++;
            var changed = await _vm.Host.ChangedSinceCopyAsync(op, block.Range, block.Dirty);
            if (changed.Count > 0)
                _vm.Violated(
                    Invariants.NoLostDirtyPage,
                    $"{changed.Count} pages of {_setup.Vm} differ from the copy last sent and are not in the final dirty set, the first at {changed[0]}",
                    hva: changed[0].Value, operations: op.Id);
        }
    }

    private async ValueTask StopVcpusAsync(Operation op)
    {
        await _vm.VcpuMutex.DownWriteAsync(op);
        foreach (var vcpu in _vm.Vcpus) await vcpu.PauseAsync(op);
        await _stream.FreezeAsync(op, frozen: true);
        _record.Stopped();
        _vm.World.Observer.GuestRuns(_setup.Vm, _setup.Source, _epoch, runs: false);
    }

    private async ValueTask ResumeVcpusAsync(Operation op)
    {
        await _stream.FreezeAsync(op, frozen: false);
        _vm.World.Observer.GuestRuns(_setup.Vm, _setup.Source, _epoch, runs: true);
        foreach (var vcpu in _vm.Vcpus) await vcpu.ResumeAsync(op);
        _record.Resumed();
    }

    /// <summary>The guest goes on at the source as if nothing had been: no throttle, no logging, no stream; the destination forgets it.</summary>
    private async ValueTask GiveUpAsync(Operation op, bool cancelled)
    {
        _record.Enter(cancelled ? MigrationStatus.Cancelling : MigrationStatus.Failed);
        await _channels.DrainAsync(op);
        if (!cancelled || _vm.Options.Mutant != Mutant.CancelKeepsThrottle) await _throttle.EndAsync(op);
        await _vm.Bql.AcquireAsync(op);
        await _ram.StopAsync(op);
        _vm.Bql.Release(op);
        await _stream.CloseStreamAsync(op, _setup.Stream);
        await _destination.AbandonAsync(op);
        await CheckRestoredAsync(op);
        if (cancelled) _record.Enter(MigrationStatus.Cancelled);
    }

    private async ValueTask CheckRestoredAsync(Operation op)
    {
        _vm.Counters.ChecksEvaluated++;
        foreach (var vcpu in _vm.Vcpus)
            if (await vcpu.ThrottleOfAsync(op) is var throttle && throttle != VcpuThrottle.None)
                _vm.Violated(Invariants.SourceRestored, $"a vCPU of {_setup.Vm} is still slowed down by {throttle.Percentage} % after its migration was given up", operations: op.Id);
    }
}
