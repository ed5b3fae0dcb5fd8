using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// One source of host memory events. A source that acts for the process takes mm_users and mmap_lock; one that comes through the rmap
/// (reclaim, compaction, ageing) takes neither, and can meet an address space that exits under it.
/// </summary>
internal interface IHostEventSource
{
    ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev);
}
