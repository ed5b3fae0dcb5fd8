using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// A vCPU: its TLB, the guest program, and the loop of KVM_RUN. Accesses that the TLB translates go to the memory bus as one batch. During
/// the batch the vCPU is in guest mode, and a TLB flush waits for it, as the IPI of <c>kvm_make_all_cpus_request</c> does. Misses fault,
/// one after the other. A translation that was computed before a flush and arrives after it is dropped: hardware would not have it. A vCPU
/// that is saved while paused continues in another vCPU. Simplified: a paused guest's time stands still only if it is moved.
/// </summary>
public sealed class Vcpu : IVcpuPort, IWaitable
{
    private const int FaultsPerPass = 32;

    // An idle guest sleeps at least this long, so that it finds a slice of work and not one access. A pause or a stop wakes it; a flush
    // need not, as it is not in guest mode.
    private const long IdleMicrosecondsMin = 1_000;

    // How often a vCPU looks whether its host may let guests run again.
    private const long FencedMicroseconds = 1_000;

    // A throttled vCPU sleeps in pieces, so that a pause need not wait for the end of the sleep.
    private const long SleepMicroseconds = 1_000;

    private readonly IWorld _world;
    private readonly VcpuOptions _options;
    private readonly string _name;
    private readonly IVmPort _vm;
    private readonly IGuestMemory _memory;
    private readonly TrackedObject<VcpuGuest> _guest;
    private readonly OperationIds _ids;
    private readonly TrackedObject<Tlb> _tlb;
    private readonly TrackedObject<TlbFlushHistory> _flushes;
    private readonly TrackedObject<ThrottleClock> _throttle;
    private readonly VcpuRequests _requests;
    private readonly Wakeup _wakeup = new();
    private readonly ProgressWatch _progress;
    private readonly bool _startsStopped;
    private Tracked<bool> _inGuestMode;
    private Tracked<long> _epoch;

    [Untracked("belongs to the vCPU's own lane")]
    private readonly GuestAccess[] _batch;

    /// <summary>A new vCPU, or the one that goes on where another was saved, with a program made of that state.</summary>
    /// <exception cref="ArgumentException">The state is that of a vCPU that cannot be this one.</exception>
    public Vcpu(
        IWorld world, VcpuOptions options, string name, int ordinal, IVmPort vm, IGuestMemory memory, IPacedGuestProgram program,
        VcpuState? state = null)
    {
        _world = world;
        _options = options;
        _name = name;
        _vm = vm;
        _memory = memory;
        _startsStopped = options.StartsStopped && state is null;
        var place = new Place(world);
        _guest = new TrackedObject<VcpuGuest>(place, new VcpuGuest(program, options, state));
        _requests = new VcpuRequests(world, place, _wakeup, _startsStopped, options.Mutant);
        _ids = new OperationIds(OperationId.OriginOf(ordinal, options.Index), state?.Operations ?? 0);
        _tlb = new TrackedObject<Tlb>(place, new Tlb(options.TlbEntries));
        _flushes = new TrackedObject<TlbFlushHistory>(place, new TlbFlushHistory());
        _throttle = new TrackedObject<ThrottleClock>(place, new ThrottleClock());
        _inGuestMode = new Tracked<bool>(place);
        _epoch = new Tracked<long>(place, state?.Epoch ?? 0);
        _progress = new ProgressWatch(world, options, name);
        _batch = new GuestAccess[options.BatchAccesses];
    }

    public VcpuCounters Counters { get; } = new();

    /// <summary>A copy of the counters as they are now, with how much of the guest's program was due and executed.</summary>
    public VcpuCounters CountersNow()
    {
        var now = _world.NowMicroseconds;
        var (due, executed) = _guest.Content.Delivered(now);
        // While a migration slows the guest down, it is not late.
        due = Math.Max(0, due - Counters.ThrottleMicroseconds);
        return Counters with
        {
            DueMicroseconds = due,
            ExecutedMicroseconds = Math.Clamp(executed, 0, due),
            ProgramMicroseconds = _guest.Content.IsIdle(now) ? _guest.Content.ProgramMicroseconds(now) : Counters.ProgramMicroseconds,
        };
    }

    /// <summary>The guest has nothing left to do.</summary>
    public bool IsHalted => _guest.Content.IsOver;

    /// <summary>True once <see cref="RunAsync"/> has returned.</summary>
    public bool IsStopped => _requests.IsStopped;

    /// <summary>The fault under way, for liveness: it may be blocked in the VM or the host.</summary>
    [Untracked("for witnesses")]
    public OperationId CurrentFault { get; private set; }

    /// <summary>Runs the guest until <see cref="StopAsync"/>, or until its program is over.</summary>
    public async ValueTask RunAsync()
    {
        // A guest that has not begun does not grow older.
        if (_startsStopped && _requests is { IsPauseRequested: true, IsStopRequested: false }) await _requests.ParkAsync();
        _guest.Content.Enter(_world.NowMicroseconds);
        while (!_requests.IsStopRequested && !IsHalted)
        {
            if (_requests.IsPauseRequested) await ParkAsync();
            else if (_guest.Content.PendingCount > 0) await EnterGuestAsync();
            else await FetchAsync();
            await _world.PointAsync(_progress.LosesTranslations ? SchedulingPoint.Retry : SchedulingPoint.Yield);
        }

        Abort();
    }

    /// <summary>The guest has stopped, by itself or because its loop failed; its waiters continue.</summary>
    public void Abort()
    {
        _inGuestMode.Value = false;
        _guest.Content.Leave(_world.NowMicroseconds);
        _requests.Stopped();
    }

    public async ValueTask FlushTlbAsync(Operation op, GfnRange range)
    {
        Counters.TlbFlushes++;
        _tlb.Content.Flush(range);
        _flushes.Content.Add(range);
        var isSkipped = _options.Mutant == Mutant.FlushSkipsPausing && _requests.IsPauseRequested;
        if (_inGuestMode.Value && !isSkipped) await _requests.WaitAsync(op);
    }

    public ValueTask PauseAsync(Operation op) => _requests.PauseAsync(op);

    public ValueTask ResumeAsync(Operation op, long epoch = 0)
    {
        if (epoch > 0) _epoch.Value = epoch;
        _requests.Resume();
        return ValueTask.CompletedTask;
    }

    /// <summary>Closes the vCPU: returns when the guest has stopped for good.</summary>
    public ValueTask StopAsync(Operation op) => _requests.StopAsync(op);

    public ValueTask<VcpuState> SaveAsync(Operation op)
    {
        // A guest that has halted by itself is as good as a paused one; one that failed is not.
        var isStill = _requests.IsPaused || (_requests.IsPauseRequested && IsStopped && IsHalted);
        if (!isStill && _options.Mutant != Mutant.PauseNotAwaited && _options.Mutant != Mutant.StateSavedBeforePause)
            throw new InvalidOperationException($"{_name} is saved and not paused");
        return ValueTask.FromResult(_guest.Content.Save(_options.Index, _ids.Count));
    }

    public ValueTask ThrottleAsync(Operation op, VcpuThrottle throttle)
    {
        _throttle.Content.Set(throttle, _world.NowMicroseconds);
        return ValueTask.CompletedTask;
    }

    public ValueTask<ThrottleState> ThrottleOfAsync(Operation op)
    {
        return ValueTask.FromResult(new ThrottleState(_throttle.Content.Throttle, Counters.ThrottleMicroseconds));
    }

    public void AddWaits(List<WaitSnapshot> waits) => _requests.AddTo(waits, _name, CurrentFault);

    private async ValueTask FetchAsync()
    {
        var idle = _guest.Content.Fetch(_world.NowMicroseconds);
        if (_guest.Content.PendingCount > 0) Counters.BehindMicroseconds = _guest.Content.BehindMicroseconds;
        Counters.ProgramMicroseconds = _guest.Content.ProgramMicroseconds(_world.NowMicroseconds);
        if (_guest.Content.PendingCount == 0) await _world.SleepAsync(Math.Max(idle, IdleMicrosecondsMin), _wakeup);
    }

    /// <summary>One entry: what the TLB translates is executed, then some of the rest faults; what is left stays for the next
    /// entry.</summary>
    private async ValueTask EnterGuestAsync()
    {
        var hits = _guest.Content.Translate(_tlb.Content, _batch);
        _progress.Entered(hits);
        if (hits > 0 && !await TryExecuteAsync(hits))
        {
            // Outside of guest mode, so in no flush's way.
            await _world.SleepAsync(FencedMicroseconds, _wakeup);
            return;
        }

        if (_throttle.Content.IsOn && _options.Mutant != Mutant.ThrottleNeverSleeps) await SleepAsync();

        var skipped = 0;
        for (var i = 0; i < Math.Min(_guest.Content.PendingCount, FaultsPerPass); i++)
        {
            if (_requests.IsPauseRequested || _requests.IsStopRequested) break;
            if (_throttle.Content.IsOn && _throttle.Content.IsSpent(_world.NowMicroseconds)) break;
            var (gfn, write) = (_guest.Content.Pending[i].Gfn, _guest.Content.Pending[i].Kind == GuestAccessKind.Write);
            if (_tlb.Content.TryTranslate(gfn, write, out _)) continue;
            if (await FaultAsync(gfn, write)) continue;
            // User space emulates it (MMIO) or it failed: the guest goes on without it.
            _guest.Content.Skip(i);
            skipped++;
        }

        if (skipped == 0) return;
        Counters.AccessesSkipped += skipped;
        _progress.Entered(skipped);
        _guest.Content.RemoveSkipped();
    }

    /// <summary>False when the host may not let guests run: nothing was done.</summary>
    private async ValueTask<bool> TryExecuteAsync(int count)
    {
        _inGuestMode.Value = true;
        await _world.PointAsync(SchedulingPoint.GuestAccess);
        var isDone = await _memory.ExecuteAsync(_batch.AsMemory(0, count), _epoch.Value);
        _inGuestMode.Value = false;
        if (isDone)
        {
            Counters.Accesses += count;
            Counters.Batches++;
        }
        else
        {
            _guest.Content.PutBack(_batch.AsSpan(0, count));
        }

        _requests.WakeAll();
        return isDone;
    }

    /// <summary>Faults until the page is mapped; false when the access has to be given up.</summary>
    private async ValueTask<bool> FaultAsync(Gfn gfn, bool write)
    {
        var op = new Operation(_ids.Next(), OperationKind.Fault);
        var start = _world.NowMicroseconds;
        var (retries, retried) = (0, 0L);
        var mapped = false;
        var isRefill = false;
        CurrentFault = op.Id;
        _progress.FaultBegins();
        for (var again = true; again && !_requests.IsStopRequested;)
        {
            var flushesBefore = _flushes.Content.Count;
            var reply = await _vm.FaultAsync(op, _options.Index, gfn, write);
            if (reply.Status != FaultStatus.RingFull) _progress.RingHadRoom();
            if (reply.Dirtied) PageDirtied();
            isRefill = (reply.IsRefill || reply.Status == FaultStatus.Dead) && retries == 0;
            switch (reply.Status)
            {
                case FaultStatus.Mapped:
                    mapped = true;
                    _progress.Mapped();
                    // Even if the translation is stale already: the next entry finds out.
                    again = false;
                    Fill(reply, flushesBefore);
                    break;
                case FaultStatus.Retry:
                    retries++;
                    retried = _world.NowMicroseconds - start;
                    _requests.IsStopRequested |= _progress.Retried(op, gfn);
                    // KVM_RUN returns when a signal is pending, however often the fault would retry.
                    if (_requests.IsPauseRequested) (again, mapped) = (false, true);
                    else await _world.PointAsync(SchedulingPoint.Retry);
                    break;
                case FaultStatus.RingFull:
                    _requests.IsStopRequested |= _progress.RingWasFull(op, gfn);
                    await _vm.ReapDirtyRingsAsync(op);
                    if (_requests.IsPauseRequested) (again, mapped) = (false, true);
                    else if (_progress.IsRingStuck) await _world.PointAsync(SchedulingPoint.Retry);
                    break;
                case FaultStatus.Dead:
                    _requests.IsStopRequested = true;
                    break;
                default:
                    again = false;
                    break;
            }
        }

        CurrentFault = OperationId.None;
        Count(new ResolvedFault(op.Id, gfn, write, retries, _world.NowMicroseconds - start, retried), isRefill);
        return mapped;
    }

    private void Count(in ResolvedFault fault, bool isRefill)
    {
        Counters.FaultMicroseconds += fault.Microseconds;
        if (isRefill)
        {
            Counters.TlbRefills++;
            _world.Observer.TlbRefilled(fault.Microseconds);
            return;
        }

        Counters.Faults++;
        Counters.FaultRetries += fault.Retries;
        _world.Observer.FaultResolved(fault);
    }

    private void PageDirtied()
    {
        Counters.DirtyPages++;
        if (_throttle.Content.IsOn) _throttle.Content.PageDirtied(_world.NowMicroseconds);
    }

    /// <summary>Sleeps if it has to, outside of guest mode and so in no flush's way; a pause ends it at once, as <c>cpu->stop</c>
    /// does.</summary>
    private async ValueTask SleepAsync()
    {
        while (!_requests.IsPauseRequested && !_requests.IsStopRequested && _throttle.Content.MustSleep(_world.NowMicroseconds))
        {
            var start = _world.NowMicroseconds;
            await _world.DelayAsync(SleepMicroseconds);
            Counters.ThrottleMicroseconds += _world.NowMicroseconds - start;
        }
    }

    private void Fill(in FaultReply reply, long flushesBefore)
    {
        FillUnlessFlushed(reply.Translation, flushesBefore);
        if (reply.Neighbours is not { } neighbours) return;
        foreach (var neighbour in neighbours) FillUnlessFlushed(neighbour, flushesBefore);
    }

    private void FillUnlessFlushed(in Translation translation, long flushesBefore)
    {
        if (!_flushes.Content.HasSince(flushesBefore, translation.Gfn)) _tlb.Content.Fill(translation);
    }

    private async ValueTask ParkAsync()
    {
        _guest.Content.Leave(_world.NowMicroseconds);
        _throttle.Content.WasPaused(await _requests.ParkAsync());
        if (!_requests.IsStopRequested) _guest.Content.Return();
    }
}
