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
    }

    /// <summary>Accesses fetched and not made.</summary>
    public Span<GuestOperation> Pending => _pending.AsSpan(0, PendingCount);

    public int PendingCount { get; private set; }

    /// <summary>Nothing is pending, and nothing will ever be due again.</summary>
    public bool IsOver => PendingCount == 0 && _program.IsOver;

    public long BehindMicroseconds => _program.BehindMicroseconds;

    /// <summary>See <see cref="VcpuCounters.ProgramMicroseconds"/>. With nothing due the program is where the clock is.</summary>
    public long ProgramMicroseconds(long now) =>
        Math.Max(0, now - _born - _program.ProgramBeganMicroseconds - (PendingCount > 0 ? _program.BehindMicroseconds : 0));

    public void Enter(long now) => _born = now - _age;

    public void Leave(long now) => _age = now - _born;

    /// <summary>Fetches what is due, when nothing is pending; 0, or for how long nothing is.</summary>
    public long Fetch(long now)
    {
        PendingCount = _program.Next(_pending, now - _born);
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

    public VcpuState Save(int index, long operations) => new(index, Pending.ToArray(), _age, _program.Save(), operations);
}
