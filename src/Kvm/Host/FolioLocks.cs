using Livebed.Kvm.Addresses;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// The lock bit of each page (<c>folio_lock</c>), held over migration, reclaim and KSM merging. A lock object exists only while an
/// operation holds it or waits for it, so memory is bounded by the running operations and not by the frames.
/// </summary>
internal sealed class FolioLocks(LockDomain domain, string host)
{
    private readonly TrackedObject<Dictionary<Pfn, Entry>> _entries = new(new Place(domain.World), []);

    public int Count => _entries.Content.Count;

    /// <summary><c>folio_trylock</c>.</summary>
    public bool TryLock(Operation op, Pfn pfn)
    {
        if (_entries.Content.ContainsKey(pfn)) return false;
        return Enter(pfn).Mutex.TryAcquire(op);
    }

    public void Unlock(Operation op, Pfn pfn)
    {
        var entry = _entries.Content[pfn];
        entry.Mutex.Release(op);
        Leave(pfn, entry);
    }

    /// <summary><c>migration_entry_wait</c>: returns when the current holder of the page's lock has released it.</summary>
    public async ValueTask WaitAsync(Operation op, Pfn pfn)
    {
        if (!_entries.Content.ContainsKey(pfn)) return;
        await Enter(pfn).Mutex.AcquireAsync(op);
        Unlock(op, pfn);
    }

    private Entry Enter(Pfn pfn)
    {
        if (!_entries.Content.TryGetValue(pfn, out var entry))
            _entries.Content[pfn] = entry = new Entry(new KernelMutex(domain, LockClasses.FolioLock, $"{pfn} of {host}"));
        entry.Users++;
        return entry;
    }

    private void Leave(Pfn pfn, Entry entry)
    {
        if (--entry.Users > 0) return;
        _entries.Content.Remove(pfn);
        domain.Forget(entry.Mutex);
    }

    [CellContent]
    private sealed class Entry(KernelMutex mutex)
    {
        public KernelMutex Mutex { get; } = mutex;

        /// <summary>Holders and waiters of the lock.</summary>
        public int Users { get; set; }
    }
}
