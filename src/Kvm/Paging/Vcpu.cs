using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// A vCPU: its TLB, the guest program, and the loop of KVM_RUN. Accesses whose translation the TLB has go to the memory bus as one batch;
/// while it is under way the vCPU is in guest mode, and a TLB flush waits for it, as the IPI of <c>kvm_make_all_cpus_request</c> does.
/// Misses fault, one after the other. A translation that was computed before a flush and arrives after it is dropped: hardware would not
/// have had it.
/// </summary>
public sealed class Vcpu : IVcpuPort, IWaitable
{
    private const int FaultsPerPass = 32;

    // An idle guest sleeps at least this long, so that it finds a slice of work and not one access; and at most that, so that it can be stopped.
    private const long IdleMicrosecondsMin = 1_000;
    private const long IdleMicrosecondsMax = 2_000;

    private readonly IWorld _world;
    private readonly VcpuOptions _options;
    private readonly string _name;
    private readonly IVmPort _vm;
    private readonly IGuestMemory _memory;
    private readonly IPacedGuestProgram _program;
    private readonly OperationIds _ids;
    private readonly Tlb _tlb;
    private readonly GuestOperation[] _pending;
    private readonly GuestAccess[] _batch;
    private readonly TlbFlushHistory _flushes = new();
    private readonly Place _place;
    private readonly List<Waiter> _waiters = [];
    private int _pendingCount;
    private long _nextWaitId;
    private bool _inGuestMode;
    private int _pauseRequests;
    private bool _isPaused;
    private bool _stopRequested;
    private Waiter? _parked;
    private OperationId _currentFault;

    public Vcpu(IWorld world, VcpuOptions options, string name, int ordinal, IVmPort vm, IGuestMemory memory, IPacedGuestProgram program)
    {
        _world = world;
        _place = new Place(world);
        _options = options;
        _name = name;
        _vm = vm;
        _memory = memory;
        _program = program;
        _ids = new OperationIds((ordinal << 8) | (options.Index & 0xff));
        _tlb = new Tlb(options.TlbEntries);
        _pending = new GuestOperation[options.BatchAccesses];
        _batch = new GuestAccess[options.BatchAccesses];
    }

    public VcpuCounters Counters { get; } = new();

    /// <summary>True once <see cref="RunAsync"/> has returned.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>The fault under way, for liveness: it may be blocked in the VM or the host.</summary>
    public OperationId CurrentFault => _currentFault;

    /// <summary>Runs the guest until <see cref="StopAsync"/>, or until its program is over.</summary>
    public async ValueTask RunAsync()
    {
        var start = _world.NowMicroseconds;
        while (!_stopRequested && (_pendingCount > 0 || !_program.IsOver))
        {
            _place.Writes();
            if (_pauseRequests > 0) await ParkAsync();
            else if (_pendingCount > 0) await EnterGuestAsync();
            else await FetchAsync(start);
            await _world.PointAsync(SchedulingPoint.Yield);
        }

        Abort();
    }

    /// <summary>The guest has stopped, by itself or because its loop failed: whoever waits for it goes on.</summary>
    public void Abort()
    {
        _place.Writes();
        IsStopped = true;
        _inGuestMode = false;
        WakeAll();
    }

    public async ValueTask FlushTlbAsync(Operation op, GfnRange range)
    {
        _place.Writes();
        Counters.TlbFlushes++;
        _tlb.Flush(range);
        _flushes.Add(range);
        if (_inGuestMode) await WaitAsync(op);
    }

    public async ValueTask PauseAsync(Operation op)
    {
        _place.Writes();
        _pauseRequests++;
        while (!_isPaused && !IsStopped) await WaitAsync(op);
    }

    public ValueTask ResumeAsync(Operation op)
    {
        _place.Writes();
        if (--_pauseRequests == 0) Unpark();
        return ValueTask.CompletedTask;
    }

    /// <summary>Closes the vCPU: returns when the guest has stopped for good.</summary>
    public async ValueTask StopAsync(Operation op)
    {
        _place.Writes();
        _stopRequested = true;
        Unpark();
        while (!IsStopped) await WaitAsync(op);
    }

    public void AddWaits(List<WaitSnapshot> waits)
    {
        foreach (var waiter in _waiters)
            waits.Add(new WaitSnapshot(
                waiter.WaitId, waiter.Operation.Id, waiter.Operation.Kind, "guest_mode", _name, LockMode.Write, _world.NowMicroseconds - waiter.SinceMicroseconds,
                _currentFault.IsNone ? [] : [new WaitBlocker(_currentFault, OperationKind.Fault, LockMode.Write, Queued: false)]));
    }

    private async ValueTask FetchAsync(long start)
    {
        var now = _world.NowMicroseconds - start;
        _pendingCount = _program.Next(_pending, now);
        if (_pendingCount > 0)
        {
            Counters.BehindMicroseconds = _program.BehindMicroseconds;
            return;
        }

        await _world.DelayAsync(Math.Clamp(_program.NextDueMicroseconds - now, IdleMicrosecondsMin, IdleMicrosecondsMax));
    }

    /// <summary>One entry: what the TLB translates is executed, then some of the rest faults; what is left stays for the next entry.</summary>
    private async ValueTask EnterGuestAsync()
    {
        var hits = 0;
        var misses = 0;
        for (var i = 0; i < _pendingCount; i++)
        {
            var operation = _pending[i];
            if (_tlb.TryTranslate(operation.Gfn, operation.Kind == GuestAccessKind.Write, out var entry))
                _batch[hits++] = new GuestAccess(operation.Gfn, entry.Hva, entry.Pfn, operation.Kind, operation.Value);
            else
                _pending[misses++] = operation;
        }

        _pendingCount = misses;
        if (hits > 0) await ExecuteAsync(hits);

        var skipped = 0;
        for (var i = 0; i < Math.Min(misses, FaultsPerPass) && _pauseRequests == 0 && !_stopRequested; i++)
        {
            var write = _pending[i].Kind == GuestAccessKind.Write;
            if (_tlb.TryTranslate(_pending[i].Gfn, write, out _)) continue;
            if (await FaultAsync(_pending[i].Gfn, write)) continue;
            // User space emulates it (MMIO) or it failed: the guest goes on without it.
            _pending[i] = _pending[i] with { Gfn = new Gfn(-1) };
            skipped++;
        }

        if (skipped > 0) RemoveSkipped(skipped);
    }

    private async ValueTask ExecuteAsync(int count)
    {
        _inGuestMode = true;
        await _world.PointAsync(SchedulingPoint.GuestAccess);
        await _memory.ExecuteAsync(_batch.AsMemory(0, count));
        _place.Writes();
        _inGuestMode = false;
        Counters.Accesses += count;
        Counters.Batches++;
        WakeAll();
    }

    /// <summary>Faults until the page is mapped; false when the access has to be given up.</summary>
    private async ValueTask<bool> FaultAsync(Gfn gfn, bool write)
    {
        var op = new Operation(_ids.Next(), OperationKind.Fault);
        var start = _world.NowMicroseconds;
        var retries = 0;
        var mapped = false;
        _currentFault = op.Id;
        for (var again = true; again && !_stopRequested;)
        {
            _place.Writes();
            var flushesBefore = _flushes.Count;
            var reply = await _vm.FaultAsync(op, _options.Index, gfn, write);
            switch (reply.Status)
            {
                case FaultStatus.Mapped:
                    mapped = true;
                    // Even if the translation is stale already: the next entry finds out.
                    again = false;
                    Fill(reply, flushesBefore);
                    break;
                case FaultStatus.Retry:
                    retries++;
                    CheckProgress(op, gfn, retries, _world.NowMicroseconds - start);
                    // KVM_RUN returns when a signal is pending, however often the fault would retry.
                    if (_pauseRequests > 0) (again, mapped) = (false, true);
                    else await _world.PointAsync(SchedulingPoint.Retry);
                    break;
                case FaultStatus.RingFull:
                    await _vm.ReapDirtyRingsAsync(op);
                    if (_pauseRequests > 0) (again, mapped) = (false, true);
                    break;
                case FaultStatus.Dead:
                    _stopRequested = true;
                    break;
                default:
                    again = false;
                    break;
            }
        }

        _currentFault = OperationId.None;
        var elapsed = _world.NowMicroseconds - start;
        Counters.Faults++;
        Counters.FaultRetries += retries;
        Counters.FaultMicroseconds += elapsed;
        _world.Observer.FaultResolved(op.Id, retries, elapsed);
        return mapped;
    }

    private void Fill(in FaultReply reply, long flushesBefore)
    {
        _place.Writes();
        FillUnlessFlushed(reply.Translation, flushesBefore);
        if (reply.Neighbours is not { } neighbours) return;
        foreach (var neighbour in neighbours) FillUnlessFlushed(neighbour, flushesBefore);
    }

    private void FillUnlessFlushed(in Translation translation, long flushesBefore)
    {
        if (!_flushes.HasSince(flushesBefore, translation.Gfn)) _tlb.Fill(translation);
    }

    private void CheckProgress(Operation op, Gfn gfn, int retries, long elapsed)
    {
        if (retries < _options.FaultRetriesMax || elapsed < _options.FaultMicrosecondsMax) return;
        _world.Observer.Violated(new Violation(
            Invariants.FaultProgress, $"livelock: the fault of {_name} on {gfn} was retried {retries} times in {elapsed / 1000} ms", _name, gfn.Value,
            Operations: [op.Id]));
        _stopRequested = true;
    }

    private void RemoveSkipped(int skipped)
    {
        Counters.AccessesSkipped += skipped;
        var kept = 0;
        for (var i = 0; i < _pendingCount; i++)
            if (_pending[i].Gfn.Value >= 0)
                _pending[kept++] = _pending[i];
        _pendingCount = kept;
    }

    private async ValueTask ParkAsync()
    {
        _isPaused = true;
        WakeAll();
        _parked = NewWaiter(new Operation(OperationId.None, OperationKind.None));
        await _parked.Task;
        _place.Writes();
    }

    private void Unpark()
    {
        var parked = _parked;
        _parked = null;
        // At once, not when the loop runs on: a pause that comes in between must wait for the loop to park again.
        _isPaused = false;
        parked?.Complete(_world.NowMicroseconds);
    }

    private async ValueTask WaitAsync(Operation op)
    {
        var waiter = NewWaiter(op);
        _waiters.Add(waiter);
        await waiter.Task;
        _place.Writes();
    }

    private Waiter NewWaiter(Operation op) =>
        new(_world) { WaitId = ++_nextWaitId, Operation = op, Mode = LockMode.Write, SinceMicroseconds = _world.NowMicroseconds };

    private void WakeAll()
    {
        if (_waiters.Count == 0) return;
        var waiters = _waiters.ToArray();
        _waiters.Clear();
        foreach (var waiter in waiters) waiter.Complete(_world.NowMicroseconds);
    }
}
