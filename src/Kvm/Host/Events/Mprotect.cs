using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// <c>mprotect</c> to read-only and back, two PROTECTION_VMA ranges. Both under one hold of mmap_lock (write): a guest fault in between
/// would be an error of user space. The second call finds nothing to change in the PTEs: giving write permission back is left to the next
/// fault, as <c>change_pte_range</c> does where it cannot tell that the page is exclusive.
/// </summary>
internal sealed class Mprotect : IHostEventSource
{
    public ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev) =>
        ProcessTask.WriteLockedAsync(op, mm, async () =>
        {
            var changed = 0;
            foreach (var (vma, pages) in mm.Pieces(ev.Range))
            {
                changed += await mm.Ranges.WithinAsync(
                    op, pages, MmuNotifierEvent.ProtectionVma, ev.HoldMicroseconds,
                    () => PageTableWalk.ChangeAsync(op, mm, vma, pages, (_, pte) => pte.IsPresent ? pte.AsReadOnly() : pte));
                await mm.Ranges.WithinAsync(op, pages, MmuNotifierEvent.ProtectionVma, ev.HoldMicroseconds, () => ValueTask.FromResult(0));
            }

            return changed;
        });
}
