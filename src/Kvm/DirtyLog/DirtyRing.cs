namespace Livebed.Kvm.DirtyLog;

/// <summary>
/// One vCPU's dirty ring (virt/kvm/dirty_ring.c), shared with user space: the kernel pushes, user space harvests in order and marks
/// entries RESET, the kernel consumes those in order and re-protects their pages. The soft limit leaves room for what a vCPU may still
/// push on its way out; a write of KVM's own claims its entry before it begins, since it cannot be given up later.
/// </summary>
public sealed class DirtyRing
{
    /// <summary><c>KVM_DIRTY_RING_RSVD_ENTRIES</c>: entries beyond the soft limit.</summary>
    public const int Reserved = 64;

    private readonly Entry[] _entries;
    private long _dirtyIndex;
    private long _fetchIndex;
    private long _resetIndex;
    private int _claims;

    /// <param name="entries">size; a ring must hold more than the reserved entries</param>
    /// <exception cref="ArgumentOutOfRangeException">It would be soft-full while it is empty.</exception>
    public DirtyRing(int entries)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(entries, Reserved);
        _entries = new Entry[entries];
    }

    public long Used => _dirtyIndex - _resetIndex;

    /// <summary>Entries that user space has marked RESET and the kernel has not taken yet; negative when it took one that was never harvested.</summary>
    public long Harvested => _fetchIndex - _resetIndex;

    public bool IsFull => Used >= _entries.Length;
    public bool IsSoftFull => Used + _claims >= _entries.Length - Reserved;

    /// <summary>Claims an entry for a push to come; false when the ring is soft-full.</summary>
    public bool TryClaim()
    {
        if (IsSoftFull) return false;
        _claims++;
        return true;
    }

    /// <summary>The push has come, or will not.</summary>
    public void Unclaim() => _claims--;

    /// <summary><c>kvm_dirty_ring_push</c>; false when there is no room, which the soft limit must have made impossible.</summary>
    public bool TryPush(int slotId, long instance, long page)
    {
        if (IsFull) return false;
        ref var entry = ref _entries[_dirtyIndex % _entries.Length];
        if (entry.State != EntryState.Empty) return false;
        entry = new Entry(slotId, instance, page, EntryState.Dirty);
        _dirtyIndex++;
        return true;
    }

    /// <summary>User space's next dirty entry, marked RESET; false when there is none.</summary>
    public bool TryHarvest(out int slotId, out long instance, out long page)
    {
        ref var entry = ref _entries[_fetchIndex % _entries.Length];
        (slotId, instance, page) = (entry.SlotId, entry.Instance, entry.Page);
        if (_fetchIndex >= _dirtyIndex || entry.State != EntryState.Dirty) return false;
        entry.State = EntryState.Reset;
        _fetchIndex++;
        return true;
    }

    /// <summary>The kernel's next RESET entry, emptied; false when there is none. <paramref name="takesDirty"/> is the defect of B12: the entry's
    /// flags are read too early, and one that is still dirty passes.</summary>
    public bool TryReset(bool takesDirty, out int slotId, out long instance, out long page)
    {
        ref var entry = ref _entries[_resetIndex % _entries.Length];
        (slotId, instance, page) = (entry.SlotId, entry.Instance, entry.Page);
        if (_resetIndex >= _dirtyIndex || (entry.State != EntryState.Reset && !takesDirty)) return false;
        entry.State = EntryState.Empty;
        _resetIndex++;
        return true;
    }

    private enum EntryState : byte
    {
        Empty,
        Dirty,
        Reset,
    }

    private record struct Entry(int SlotId, long Instance, long Page, EntryState State);
}
