using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// The source's migration thread (<c>migration_thread</c>, migration/migration.c): set-up, rounds of pre-copy, stop and final sync,
/// hand-over, and, if it went over early, post-copy. Its rules (kvm-protocol 4, 8): Logging is on before the first page is read. A page's
/// dirty bit is taken and the page protected before it is read. Rounds do not overlap on the wire. The final sync comes when every vCPU has
/// left the guest and no device writes any more. Once the destination is asked to take over, the source lets the guest run again only
/// under an epoch that the inventory granted.
/// </summary>
public sealed class MigrationSource : IMigrationReturnPath
{
    private readonly Vm _vm;
    private readonly IDevices _devices;
    private readonly IStreamPort _stream;
    private readonly IMigrationDestination _destination;
    private readonly IHostOwnership _hostOwnership;
    private readonly MigrationSetup _setup;
    private readonly MigrationParameters _parameters;
    private readonly RamState _ram;
    private readonly PageChannels _channels;
    private readonly ThrottleControl _throttle;
    private readonly MigrationRecord _record;
    private readonly HandOver _handOver;
    private readonly Postcopy _postcopy;
    private Tracked<bool> _cancelRequested;
    private Tracked<bool> _postcopyRequested;

    public MigrationSource(
        Vm vm, IDevices devices, OperationIds ids, IStreamPort stream, IMigrationDestination destination, IVmInventory inventory,
        IHostOwnership ownership, MigrationSetup setup, MigrationParameters parameters)
    {
        parameters.Check();
        (_vm, _devices, _stream, _destination, _hostOwnership) = (vm, devices, stream, destination, ownership);
        (_setup, _parameters) = (setup, parameters);
        _ram = new RamState(vm, devices.Log, stream, setup.Blocks);
        _channels = new PageChannels(vm.World, stream, ids, parameters.Channels, parameters.ChannelWindow, vm.Options.Mutant);
        _throttle = new ThrottleControl(vm, parameters, setup.PageSize);
        _record = new MigrationRecord(vm, _ram, _channels, _throttle, setup, parameters);
        _handOver = new HandOver(vm, stream, destination, inventory, ownership, setup, _ram, _record);
        var limits = vm.Options.Mutant == Mutant.NeverGivesUp ? parameters with { RecoveryLimitMicroseconds = 0 } : parameters;
        _postcopy = new Postcopy(vm.World, _ram, _channels, destination, setup, limits, _record);
        var place = new Place(vm.World);
        (_cancelRequested, _postcopyRequested) = (new Tracked<bool>(place), new Tracked<bool>(place));
    }

    private bool IsLate => _parameters.TimeLimitMicroseconds > 0 && _record.Elapsed >= _parameters.TimeLimitMicroseconds;

    private bool StopsDevicesLate => _vm.Options.Mutant == Mutant.DeviceWritesAfterFinalSync;

    private enum NextPhase : byte
    {
        SwitchOver,
        Postcopy,
        Cancel,
        Fail,
    }

    public MigrationInfo Info => _record.Info;

    public MigrationStatus Status => _record.Status;

    /// <summary>Dirty-log syncs so far.</summary>
    public long Syncs => _record.Syncs;

    /// <summary>Moves the VM; returns when that is done or given up. <see cref="MigrationInfo.Status"/> says where the VM runs then: at the
    /// destination when completed, at the source when cancelled or failed before post-copy, nowhere when post-copy failed.</summary>
    public async ValueTask<MigrationInfo> RunAsync(Operation op)
    {
        _record.Enter(MigrationStatus.Setup);
        _vm.World.Observer.GuestRuns(_setup.Vm, _setup.Source, _setup.Epoch, runs: true);
        var way = await SetUpAsync(op);
        if (way == NextPhase.SwitchOver)
        {
            _record.Enter(MigrationStatus.Active);
            way = await PrecopyAsync(op);
        }

        if (way is NextPhase.Cancel or NextPhase.Fail) await GiveUpAsync(op, way == NextPhase.Cancel);
        else await SwitchOverAsync(op, way == NextPhase.Postcopy);
        CheckIsOver(op);
        return Info;
    }

    /// <summary><c>migrate_cancel</c>: returns at once; the migration ends when it can.</summary>
    public CancelCase Cancel()
    {
        var cancel = MigrationStates.CancelIn(_record.Status);
        _vm.World.Reached(_record.Status switch
        {
            MigrationStatus.Setup => ReachedCase.CancelInSetup,
            MigrationStatus.Active => ReachedCase.CancelInPrecopy,
            MigrationStatus.Device => ReachedCase.CancelInSwitchover,
            _ when cancel == CancelCase.Refused => ReachedCase.CancelInPostcopy,
            _ => ReachedCase.CancelTooLate,
        });
        if (cancel is CancelCase.AtNextStep or CancelCase.UntilHandedOver) _cancelRequested.Value = true;
        return cancel;
    }

    /// <summary><c>migrate-start-postcopy</c>: at the next step of pre-copy.</summary>
    public void StartPostcopy() => _postcopyRequested.Value = true;

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

    /// <summary>KVM_EXIT_DIRTY_RING_FULL of a vCPU. User space reaps without the BQL, as in
    /// <see cref="DirtyLogSession.ReapAsync"/>.</summary>
    public void RingFull() => _record.RingFullExits++;

    /// <summary>An entry of a dirty ring, harvested and reset.</summary>
    public void MarkHarvested(int slotId, long page) => _ram.MarkHarvested(slotId, page);

    private async ValueTask<NextPhase> SetUpAsync(Operation op)
    {
        using var phase = _vm.World.Observer.Phase(op, "migration.setup", _setup.Epoch);
        var prepared = await _destination.PrepareAsync(op, _setup);
        if (prepared != StreamStatus.Ok) return _record.RecordFailure($"the destination did not prepare: {prepared}", NextPhase.Fail);
        await _stream.OpenStreamAsync(op, _setup.Stream, _setup.Destination, _setup.DestinationAddressSpace, _parameters.Bandwidth);
        await _vm.Bql.AcquireAsync(op);
        var started = await _ram.StartAsync(op);
        _vm.Bql.Release(op);
        if (!started) return _record.RecordFailure("the VM is being destroyed", NextPhase.Fail);
        _throttle.Begin(_vm.World.NowMicroseconds);
        return _cancelRequested.Value ? NextPhase.Cancel : NextPhase.SwitchOver;
    }

    private async ValueTask<NextPhase> PrecopyAsync(Operation op)
    {
        for (var round = 0; ; round++)
        {
            using var phase = _vm.World.Observer.Phase(op, "migration.round", round);
            _record.BeginRound(round);
            if (await SendDirtyAsync(op, round, isLive: true) is { } early) return early;
            if (_vm.Options.Mutant != Mutant.NoRoundBarrier && await _channels.DrainAsync(op) is var status and not StreamStatus.Ok)
                return _record.RecordFailure($"pages could not be sent: {status}", NextPhase.Fail);
            var dirty = await SyncAsync(op, isFinal: false);
            if (dirty < 0) return _record.RecordFailure("the VM is being destroyed", NextPhase.Fail);
            if (dirty > 0) _vm.World.Reached(ReachedCase.PageDirtiedAgain);
            _record.EndRound(dirty);
            if (BetweenRounds(round + 1) is { } way) return way;
            await _throttle.SyncedAsync(op, _vm.World.NowMicroseconds, dirty, _channels.Bytes);
        }
    }

    /// <summary>Sends what is dirty now, batch by batch: clear, then read and send.</summary>
    /// <returns>null when all has been handed to the channels</returns>
    private async ValueTask<NextPhase?> SendDirtyAsync(Operation op, int round, bool isLive)
    {
        var header = new ChunkHeader(
            _setup.Stream, _setup.Epoch, 0, round, isLive ? StreamPhase.Precopy : StreamPhase.Switchover);
        foreach (var block in _ram.Blocks)
            for (var page = 0L; ;)
            {
                if (block.Dirty.TakeNext(ref page, _parameters.BatchPages) is not { } batch) break;
                if (isLive)
                {
                    if (_vm.Options.Mutant == Mutant.CopyBeforeClear) await _stream.SendAsync(op, header, batch);
                    await _ram.ClearAsync(op, batch);
                }

                if (!isLive || _vm.Options.Mutant != Mutant.CopyBeforeClear) await _channels.SendAsync(op, header, batch);
                if (_channels.Status != StreamStatus.Ok)
                    return _record.RecordFailure($"pages could not be sent: {_channels.Status}", NextPhase.Fail);
                if (isLive && Interruption(round) is { } way) return way;
            }

        return null;
    }

    /// <summary>After a sync, as in <c>migration_iteration_run</c> (migration/migration.c): what fits into the downtime limit completes in
    /// pre-copy, also when post-copy was requested or the rounds are used up. It does not when the time limit is over.</summary>
    private NextPhase? BetweenRounds(int roundsDone)
    {
        var fits = _record.ExpectedDowntimeMicroseconds <= _parameters.DowntimeLimitMicroseconds
            || _vm.Options.Mutant == Mutant.DowntimeLimitIgnored;
        return fits && !_cancelRequested.Value && !IsLate ? NextPhase.SwitchOver : Interruption(roundsDone);
    }

    /// <summary>What user space or a limit wants instead of another page.</summary>
    private NextPhase? Interruption(int roundsDone)
    {
        if (_cancelRequested.Value) return NextPhase.Cancel;
        if (_postcopyRequested.Value || (_parameters.PostcopyAfterRounds > 0 && roundsDone >= _parameters.PostcopyAfterRounds))
            return NextPhase.Postcopy;
        if (!IsLate && roundsDone < _parameters.RoundsMax) return null;
        _record.Reason = IsLate
            ? $"not done after {_record.Elapsed / 1000} ms"
            : $"not done after {roundsDone} rounds";
        return _parameters.TimeoutAction switch
        {
            TimeoutAction.Suspend => NextPhase.SwitchOver,
            TimeoutAction.Postcopy => NextPhase.Postcopy,
            _ => NextPhase.Fail,
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

    /// <summary><c>migration_completion</c>: stop of vCPUs, then of devices, final sync, the rest of the pages, device state,
    /// hand-over. The BQL is held throughout.</summary>
    private async ValueTask SwitchOverAsync(Operation op, bool toPostcopy)
    {
        using var phase = _vm.World.Observer.Phase(op, "migration.switchover", _setup.Epoch);
        _record.Enter(MigrationStatus.Device);

        // An interrupted round has batches in flight; they are read before the final sync says what is left.
        if (_vm.Options.Mutant != Mutant.NoRoundBarrier && _vm.Options.Mutant != Mutant.LatePageInPostcopy) await _channels.DrainAsync(op);
        await _vm.Bql.AcquireAsync(op);
        var syncsLast = _vm.Options.Mutant != Mutant.FinalSyncBeforeVcpusLeft;
        if (!syncsLast) await SyncAsync(op, isFinal: true);
        await _handOver.StopVcpusAsync(op);
        if (!StopsDevicesLate) await _devices.StopAsync(op);
        if (syncsLast) await SyncAsync(op, isFinal: true);
        _record.RecordPart(DowntimePart.Sync);
        if (_vm.Options.Mutant == Mutant.FinalSyncLosesPage) _ram.Blocks[0].LoseFirst();
        await _handOver.CheckFinalSetAsync(op);
        var owner = await HandOverAsync(op, toPostcopy);
        if (owner == MigrationOwner.Source) await _handOver.ResumeVcpusAsync(op);
        else await LetGoAsync(op);
        if (owner == MigrationOwner.Destination) await _hostOwnership.ReleaseAsync(_setup.Vm, _setup.Epoch);
        if (owner != MigrationOwner.Source || _vm.Options.Mutant != Mutant.DevicesStayStopped) _devices.Resume();
        _vm.VcpuMutex.UpWrite(op);
        _vm.Bql.Release(op);
        if (owner == MigrationOwner.Source)
        {
            await GiveUpAsync(op, _cancelRequested.Value);
            return;
        }

        await _throttle.MeasureAsync(op);
        if (owner == MigrationOwner.Unknown) _record.Enter(MigrationStatus.Failed);
        else if (toPostcopy) await _postcopy.RunAsync(op);
        else _record.Enter(MigrationStatus.Completed);
        await _stream.CloseStreamAsync(op, _setup.Stream);
    }

    /// <summary>The VM is not this host's any more: nothing writes to its memory here, above all no vCPU.</summary>
    private async ValueTask LetGoAsync(Operation op)
    {
        _vm.IsHandedOver = true;
        if (_vm.Options.Mutant != Mutant.SourceVcpusRunOnSilently) return;
        foreach (var vcpu in _vm.Vcpus) await vcpu.ResumeAsync(op);
    }

    private async ValueTask<MigrationOwner> HandOverAsync(Operation op, bool toPostcopy)
    {
        // Late pages of pre-copy must not overwrite those of a running guest, so the channels are empty before post-copy begins.
        var isLate = toPostcopy && _vm.Options.Mutant == Mutant.LatePageInPostcopy;
        if (!toPostcopy && await SendDirtyAsync(op, _record.Round + 1, isLive: false) is not null) return MigrationOwner.Source;
        if (!isLate && await _channels.DrainAsync(op) is var status and not StreamStatus.Ok)
            return _record.RecordFailure($"pages could not be sent: {status}", MigrationOwner.Source);
        _record.RecordPart(DowntimePart.Pages);
        if (_cancelRequested.Value) return MigrationOwner.Source;
        if (await _handOver.CompareAsync(op, toPostcopy) is var compared and not StreamStatus.Ok)
            return _record.RecordFailure($"the destination did not compare its memory: {compared}", MigrationOwner.Source);

        if (StopsDevicesLate) await _devices.StopAsync(op);

        // The comparison took a while, so a cancel may have come.
        if (_cancelRequested.Value) return MigrationOwner.Source;
        return await _handOver.OfferAsync(op, toPostcopy);
    }

    /// <summary>The guest runs on at the source without throttle, logging or stream; the destination drops the VM.</summary>
    private async ValueTask GiveUpAsync(Operation op, bool cancelled)
    {
        _record.Enter(cancelled ? MigrationStatus.Cancelling : MigrationStatus.Failed);
        await _channels.DrainAsync(op);
        if (!cancelled || _vm.Options.Mutant != Mutant.CancelKeepsThrottle) await _throttle.EndAsync(op);
        await _throttle.MeasureAsync(op);
        await _vm.Bql.AcquireAsync(op);
        if (_vm.Options.Mutant != Mutant.CancelKeepsLogging) await _ram.StopAsync(op);
        CheckLogIsOff(op);
        _vm.Bql.Release(op);
        await _stream.CloseStreamAsync(op, _setup.Stream);
        await _destination.AbandonAsync(op);
        await CheckRestoredAsync(op);
        if (cancelled && _vm.Options.Mutant != Mutant.EndsWithoutStatus) _record.Enter(MigrationStatus.Cancelled);
    }

    /// <summary>M5: whoever asks learns how it ended.</summary>
    private void CheckIsOver(Operation op)
    {
        _vm.Counters.ChecksEvaluated++;
        if (!MigrationStates.IsOver(_record.Status))
            _vm.Violated(
                Invariants.AsOrdered, $"the migration of {_setup.Vm} is over, and its status is still {_record.Status}",
                operations: op.Id);
    }

    /// <summary>M3, while the BQL keeps out other users of the log.</summary>
    private void CheckLogIsOff(Operation op)
    {
        _vm.Counters.ChecksEvaluated++;
        if (_ram.LoggedSlot is { } slot && !_vm.Users.IsClosing)
            _vm.Violated(
                Invariants.SourceRestored, $"memslot {slot.Id} of {_setup.Vm} still logs dirty pages after its migration was given up",
                slot.BaseGfn, slot.BaseHva, operations: op.Id);
        if (_devices.Log.IsOn)
            _vm.Violated(
                Invariants.SourceRestored, $"the log of the devices of {_setup.Vm} is still on after its migration was given up",
                operations: op.Id);
    }

    private async ValueTask CheckRestoredAsync(Operation op)
    {
        _vm.Counters.ChecksEvaluated++;
        foreach (var vcpu in _vm.Vcpus)
            if (await vcpu.ThrottleOfAsync(op) is { Throttle: var throttle } && throttle != VcpuThrottle.None)
                _vm.Violated(
                    Invariants.SourceRestored,
                    $"a vCPU of {_setup.Vm} is still slowed down by {throttle.Percentage} % after its migration was given up",
                    operations: op.Id);
    }
}
