using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.DirtyLog;

/// <summary>
/// One vCPU's dirty ring (virt/kvm/dirty_ring.c), shared with user space: the kernel pushes, user space harvests in order and marks entries
/// RESET, the kernel consumes those in order and re-protects their pages. The soft limit leaves room for what a vCPU may still push on its
/// way out; a write of KVM's own claims its entry before it begins, since it cannot be given up later. The entries lie in memory that user
/// space can write as it likes: of them the kernel believes the state alone, and what it reads there may be anything. To user space that
/// has written what it should not (<see cref="IsTampered"/>) nothing is owed but that the kernel stays whole.
/// </summary>
public sealed class DirtyRing
{
    /// <summary><c>KVM_DIRTY_RING_RSVD_ENTRIES</c>: entries beyond the soft limit.</summary>
    public const int Reserved = 64;

    private readonly TrackedArray<Entry> _entries;
    private readonly Mutant? _mutant;
    private Tracked<State> _state;

    /// <param name="log">the place of the VM's dirty log</param>
    /// <param name="entries">size; a ring must hold more than the reserved entries</param>
    /// <param name="mutant">the defect to have, or None</param>
    /// <param name="firstIndex">where its indices begin</param>
    /// <exception cref="ArgumentOutOfRangeException">It would be soft-full while it is empty.</exception>
    public DirtyRing(Place log, int entries, Mutant? mutant = null, long firstIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(entries, Reserved);
        _entries = new TrackedArray<Entry>(new PlaceTable(log), entries);
        _state = new Tracked<State>(log, new State { DirtyIndex = firstIndex, FetchIndex = firstIndex, ResetIndex = firstIndex });
        _mutant = mutant;
    }

    public int Entries => (int)_entries.Length;

    /// <summary><c>kvm_dirty_ring_used</c>: unsigned, so a ring with more entries armed again than were pushed counts as full.</summary>
    public long Used => (uint)(_state.Value.DirtyIndex - _state.Value.ResetIndex);
    public bool IsFull => Used >= _entries.Length;
    public bool IsSoftFull => Used + Claims >= _entries.Length - Reserved;

    /// <summary>More is in it than the soft limit and the one entry of its vCPU's fault that was under way: a write of KVM's own has taken
    /// what it had not claimed.</summary>
    public bool IsBeyondClaims => Used > _entries.Length - Reserved + 1 && !IsTampered;

    /// <summary>User space has changed what the kernel wrote, or marked RESET what it was not given.</summary>
    public bool IsTampered => _state.Value.IsTampered;

    /// <summary>The kernel has consumed an entry that user space has not seen.</summary>
    public bool HasOvertakenHarvest => _state.Value.ResetIndex > _state.Value.FetchIndex && !IsTampered;

    private int Claims => _mutant == Mutant.RingClaimsNotCounted ? 0 : _state.Value.Claims;

    /// <summary>Claims an entry for a push to come; false when the ring is soft-full.</summary>
    public bool TryClaim()
    {
        if (IsSoftFull) return false;
        _state.Changing.Claims++;
        return true;
    }

    /// <summary>The push has come, or will not.</summary>
    public void Unclaim() => _state.Changing.Claims--;

    /// <summary><c>kvm_dirty_ring_push</c>; false when there is no room, which the soft limit must have made impossible.</summary>
    public bool TryPush(int slotId, long instance, long page)
    {
        if (IsFull) return false;
        var index = _state.Value.DirtyIndex % _entries.Length;
        if (_entries[index].State != EntryState.Empty) return false;
        _entries[index] = new Entry(slotId, instance, (ulong)page, EntryState.Dirty);
        _state.Changing.DirtyIndex++;
        return true;
    }

    /// <summary>User space's next dirty entry, marked RESET; false when there is none.</summary>
    public bool TryHarvest(out int slotId, out long page)
    {
        var index = _state.Value.FetchIndex % _entries.Length;
        var entry = _entries[index];
        (slotId, page) = (entry.SlotId, (long)entry.Offset);
        if (entry.State != EntryState.Dirty) return false;
        _entries[index] = entry with { State = EntryState.Reset };
        _state.Changing.FetchIndex++;
        return true;
    }

    /// <summary>The kernel's next RESET entry, emptied; false when there is none.</summary>
    public bool TryReset(out DirtyRingEntry reset)
    {
        var index = _state.Value.ResetIndex % _entries.Length;
        var entry = _entries[index];
        reset = new DirtyRingEntry(entry.SlotId, entry.Instance, entry.Offset);
        if (!IsHarvested(entry.State)) return false;
        _entries[index] = entry with { State = EntryState.Empty };
        _state.Changing.ResetIndex++;
        return true;
    }

    /// <summary>User space writes another offset into the next entry that the kernel will reset; false when none is waiting.</summary>
    public bool TryRewriteOffset(ulong offset)
    {
        var index = _state.Value.ResetIndex % _entries.Length;
        if (_entries[index].State != EntryState.Reset) return false;
        _entries[index] = _entries[index] with { Offset = offset };
        return _state.Changing.IsTampered = true;
    }

    /// <summary>User space marks RESET again whatever the kernel has emptied.</summary>
    public void Rearm()
    {
        _state.Changing.IsTampered = true;
        for (var i = 0; i < _entries.Length; i++)
            if (_entries[i].State == EntryState.Empty)
                _entries[i] = _entries[i] with { State = EntryState.Reset };
    }

    /// <summary><c>kvm_dirty_gfn_harvested</c>.</summary>
    private bool IsHarvested(EntryState state) =>
        state == EntryState.Reset || (_mutant == Mutant.RingEntryConsumedUnharvested && state == EntryState.Dirty);

    private enum EntryState : byte
    {
        Empty,
        Dirty,
        Reset,
    }

    private struct State
    {
        public long DirtyIndex;
        public long FetchIndex;
        public long ResetIndex;
        public int Claims;
        public bool IsTampered;
    }

    private readonly record struct Entry(int SlotId, long Instance, ulong Offset, EntryState State);
}

/// <summary><c>struct kvm_dirty_gfn</c> as the kernel reads it back: <paramref name="Offset"/> is whatever user space has left
/// there.</summary>
/// <param name="SlotId">the memslot's id</param>
/// <param name="Instance">tells the memslot from a later one with the same id</param>
/// <param name="Offset">page of the memslot</param>
public readonly record struct DirtyRingEntry(int SlotId, long Instance, ulong Offset);
