using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// <c>munmap</c> and <c>mmap</c> of the same range again, in one call as <c>mmap(MAP_FIXED)</c> does it: the whole under mmap_lock (write), so no
/// guest fault meets the hole, which would be an error of user space and not of KVM. One UNMAP range for each area.
/// </summary>
internal sealed class Unmap(Machine machine) : IHostEventSource
{
    public OperationKind Kind => OperationKind.Unmap;

    public ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev) =>
        ProcessTask.WriteLockedAsync(op, mm, async () =>
        {
            var zapped = 0;
            foreach (var (vma, pages) in mm.Pieces(ev.Range))
                zapped += await mm.Ranges.WithinAsync(
                    op, pages, MmuNotifierEvent.Unmap, ev.HoldMicroseconds, () => PageTableWalk.ZapAsync(machine, op, mm, vma, pages));
            return zapped;
        });
}
