using System.Collections.Immutable;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.DirtyLog;

/// <summary>
/// What devices of user space have written since the last sync. KVM cannot know: they write through the process's page table, so no SPTE is
/// involved and no log of KVM's has the page. In QEMU it is <c>ram_list.dirty_memory[DIRTY_MEMORY_MIGRATION]</c> (system/physmem.c), which
/// devices mark by <c>cpu_physical_memory_set_dirty_range</c>; of a vhost back end it is the shared log (<c>VHOST_SET_LOG_BASE</c>). It has
/// one user at a time, a dirty-log session or a migration, and is off while there is none. A page is named by its place in the process's
/// memory, so a memslot that is moved or replaced does not matter. Nothing is protected: a mark is made after the write, whatever the log
/// had before.
/// </summary>
/// <param name="log">the place of the VM's dirty log</param>
public sealed class DeviceLog(Place log)
{
    private Tracked<ImmutableArray<TrackedPageSet>> _blocks = new(log, []);

    /// <summary>Marks are kept.</summary>
    public bool IsOn => _blocks.Value.Length > 0;

    /// <summary><c>memory_global_dirty_log_start</c>, for one block of memory: from here on marks are kept, and none is there.</summary>
    public void Start(HvaRange block) => _blocks.Value = _blocks.Value.Add(new TrackedPageSet(new PlaceTable(log), block));

    /// <summary><c>memory_global_dirty_log_stop</c>.</summary>
    public void Stop() => _blocks.Value = [];

    /// <summary>Marks a page that was written; nothing to do where its log is off.</summary>
    public void Mark(Hva hva)
    {
        foreach (var block in _blocks.Value)
            if (block.Range.Contains(hva))
                block.Add(hva);
    }

    /// <summary>The pages of a range that are marked; they are clear afterwards. To be called before the pages are read: what is marked
    /// later belongs to the next sync.</summary>
    public PageSet Take(HvaRange range)
    {
        var taken = new PageSet(range);
        foreach (var block in _blocks.Value)
            if (block.Range.Overlaps(range))
                taken.UnionWith(block.Take(block.Range.Intersect(range)));
        return taken;
    }
}

/// <summary>The devices of a VM as the user of a dirty log knows them.</summary>
public interface IDevices
{
    DeviceLog Log { get; }

    /// <summary>Returns when every write that was under way is done and marked, and none begins until <see cref="Resume"/>: what
    /// <c>do_vm_stop</c> (system/cpus.c) does after it has paused the vCPUs, by <c>vm_state_notify</c> (which stops vhost back ends) and
    /// <c>bdrv_drain_all</c>.</summary>
    ValueTask StopAsync(Operation op);

    /// <summary>Requests that have come meanwhile are dealt with; nothing to do where the devices run.</summary>
    void Resume();
}
