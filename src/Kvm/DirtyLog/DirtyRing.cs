namespace Livebed.Kvm.DirtyLog;

/// <summary>
/// One vCPU's dirty ring (virt/kvm/dirty_ring.c), shared with user space: the kernel pushes, user space harvests in order and marks
/// entries RESET, the kernel consumes those in order and re-protects their pages. The soft limit leaves room for what a vCPU may still
/// push on its way out.
/// </summary>
public sealed class DirtyRing(int entries, int reserved = 64)
{
    private readonly Entry[] _entries = new Entry[entries];
    private long _dirtyIndex;
    private long _fetchIndex;
    private long _resetIndex;

    public long Used => _dirtyIndex - _resetIndex;
    public bool IsFull => Used >= _entries.Length;
    public bool IsSoftFull => Used >= _entries.Length - reserved;

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

    /// <summary>The kernel's next RESET entry, emptied; false when there is none.</summary>
    public bool TryReset(out int slotId, out long instance, out long page)
    {
        ref var entry = ref _entries[_resetIndex % _entries.Length];
        (slotId, instance, page) = (entry.SlotId, entry.Instance, entry.Page);
        if (_resetIndex >= _dirtyIndex || entry.State != EntryState.Reset) return false;
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
