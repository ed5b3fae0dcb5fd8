using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// What a vCPU runs: its program, the accesses that were fetched of it and not made yet, and how old the guest is. A paused guest grows
/// older, and finds more due when it goes on; only when it is saved does it go on at the age at which it left the guest.
/// </summary>
[CellContent]
internal sealed class VcpuGuest
{
    private readonly IPacedGuestProgram _program;
    private readonly GuestOperation[] _pending;
    private long _born;
    private long _age;
    private bool _isOut = true;

    // Where the program was when the pending accesses were fetched, and how many those were.
    private long _fetchedAt;
    private int _fetched;

    // What was due and executed before this vCPU, or before its figures began.
    private long _dueBefore;
    private long _executedBefore;

    /// <exception cref="ArgumentException">The state is of a guest that this vCPU cannot take over.</exception>
    public VcpuGuest(IPacedGuestProgram program, VcpuOptions options, VcpuState? state)
    {
        _program = program;
        _pending = new GuestOperation[options.BatchAccesses];
        if (state is null) return;
        if (state.Index != options.Index)
            throw new ArgumentException($"vCPU {options.Index} cannot go on where vCPU {state.Index} was saved");
        if (state.Pending.Count > _pending.Length)
            throw new ArgumentException($"a vCPU with batches of {_pending.Length} accesses cannot take over {state.Pending.Count}");
        if (state.GuestMicroseconds < 0) throw new ArgumentException($"no guest is {state.GuestMicroseconds} us old");
        foreach (var operation in state.Pending) _pending[PendingCount++] = operation;
        _age = state.GuestMicroseconds;
        (_fetchedAt, _fetched) = (Math.Min(_age, program.NextDueMicroseconds), PendingCount);
        (_dueBefore, _executedBefore) = (DueMicroseconds(_age), Math.Min(DueMicroseconds(_age), PositionMicroseconds(_age)));
    }

    /// <summary>Accesses fetched and not made.</summary>
    public Span<GuestOperation> Pending => _pending.AsSpan(0, PendingCount);

    public int PendingCount { get; private set; }

    /// <summary>Nothing is pending, and nothing will ever be due again.</summary>
    public bool IsOver => PendingCount == 0 && _program.IsOver;

    public long BehindMicroseconds => _program.BehindMicroseconds;

    /// <summary>Nothing is due: the program keeps up with the clock.</summary>
    public bool IsIdle(long now) => !_isOut && PendingCount == 0 && _program.NextDueMicroseconds > now - _born;

    /// <summary>See <see cref="VcpuCounters.ProgramMicroseconds"/>. With nothing due the program is where the clock is.</summary>
    public long ProgramMicroseconds(long now) =>
        Math.Max(0, now - _born - _program.ProgramBeganMicroseconds - (PendingCount > 0 ? _program.BehindMicroseconds : 0));

    /// <summary>How much of the program was due at its speed, and how much of that has been executed, both as time of the program since
    /// this vCPU began. A guest that is out of the guest for good, to be saved or because it has ended, owes nothing more.</summary>
    public (long Due, long Executed) Delivered(long now)
    {
        var age = _isOut ? _age : now - _born;
        var due = DueMicroseconds(age);
        return (due - _dueBefore, Math.Min(due, PositionMicroseconds(age)) - _executedBefore);
    }

    public void Enter(long now) => (_born, _isOut) = (now - _age, false);

    public void Leave(long now)
    {
        if (!_isOut) (_age, _isOut) = (now - _born, true);
    }

    /// <summary>After <see cref="Leave"/>, of a guest that was paused: it has grown older meanwhile.</summary>
    public void Return() => _isOut = false;

    /// <summary>Fetches what is due, when nothing is pending; 0, or for how long nothing is.</summary>
    public long Fetch(long now)
    {
        _fetchedAt = Math.Min(now - _born, _program.NextDueMicroseconds);
        PendingCount = _fetched = _program.Next(_pending, now - _born);
        return PendingCount > 0 ? 0 : _program.NextDueMicroseconds - (now - _born);
    }

    /// <summary>Makes a batch of the pending accesses that the TLB translates, and returns how many; the rest stays pending.</summary>
    public int Translate(Tlb tlb, GuestAccess[] batch)
    {
        var hits = 0;
        var misses = 0;
        foreach (var operation in Pending)
        {
            if (tlb.TryTranslate(operation.Gfn, operation.Kind == GuestAccessKind.Write, out var entry))
                batch[hits++] = new GuestAccess(operation.Gfn, entry.Hva, entry.Pfn, operation.Kind, operation.Value);
            else
                _pending[misses++] = operation;
        }

        PendingCount = misses;
        return hits;
    }

    /// <summary>A batch that was not performed is pending again, behind the rest: what the TLB translates is made first all the
    /// same.</summary>
    public void PutBack(ReadOnlySpan<GuestAccess> batch)
    {
        foreach (var access in batch) _pending[PendingCount++] = new GuestOperation(access.Gfn, access.Kind, access.Value);
    }

    /// <summary>The vCPU goes on without this access, which <see cref="RemoveSkipped"/> takes away: a fault pass goes by index.</summary>
    public void Skip(int index) => _pending[index] = _pending[index] with { Gfn = new Gfn(-1) };

    public void RemoveSkipped()
    {
        var kept = 0;
        foreach (var operation in Pending)
            if (operation.Gfn.Value >= 0)
                _pending[kept++] = operation;
        PendingCount = kept;
    }

    private long DueMicroseconds(long age) => Math.Max(0, age - _program.ProgramBeganMicroseconds);

    /// <summary>Where the program is, since it began: of a batch under way, the part of its time that is the part of its accesses that were
    /// made.</summary>
    private long PositionMicroseconds(long age)
    {
        var position = Math.Min(age, _program.NextDueMicroseconds);
        if (PendingCount > 0) position -= (long)((position - _fetchedAt) * ((double)PendingCount / _fetched));
        return Math.Max(0, position - _program.ProgramBeganMicroseconds);
    }

    public VcpuState Save(int index, long operations) => new(index, Pending.ToArray(), _age, _program.Save(), operations);
}
