using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// A write of 4 to <c>/proc/pid/clear_refs</c> (<c>clear_refs_write</c>, fs/proc/task_mmu.c): CRIU begins to track the process's writes.
/// One SOFT_DIRTY range over the whole address space, under mmap_lock (write). It overlaps every memslot, so that every SPTE is zapped and
/// no protocol can elide it, and it keeps memslot updates waiting wherever they are. PTEs become read-only. Simplified: only those in the
/// event's range do; the others are as they would be if nothing had written to them since the last time.
/// </summary>
internal sealed class ClearSoftDirty : IHostEventSource
{
    public ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev) =>
        ProcessTask.WriteLockedAsync(op, mm, () => mm.Ranges.WithinAsync(
            op, WholeOf(mm), MmuNotifierEvent.SoftDirty, ev.HoldMicroseconds, async () =>
            {
                var changed = 0;
                foreach (var (vma, pages) in mm.Pieces(ev.Range))
                    changed += await PageTableWalk.ChangeAsync(op, mm, vma, pages, (_, pte) => pte.IsPresent ? pte.AsReadOnly() : pte);
                return changed;
            }));

    /// <summary>The kernel says 0 to -1UL; here, to the end of the last area.</summary>
    private static HvaRange WholeOf(AddressSpace mm) => new(default, mm.Vmas.Max(vma => vma.Range.End.Value));
}
