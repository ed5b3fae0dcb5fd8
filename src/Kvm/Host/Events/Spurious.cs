using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// Changes memory of the process that no memslot covers: by turns an MADV_DONTNEED and an mprotect of scratch memory. KVM is notified, and
/// protocols that elide do nothing. An event with a range outside of scratch memory takes the whole first scratch area.
/// </summary>
internal sealed class Spurious(HostState host) : IHostEventSource
{
    private Tracked<long> _turn = new(host.World);

    public ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        var (vma, pages) = Target(mm, ev.Range);
        if (vma is null) return ValueTask.FromResult(HostEventResult.Of(0));
        return _turn.Value++ % 2 == 0
            ? ProcessTask.ReadLockedAsync(op, mm, async () =>
            {
                await mm.Ranges.WithinAsync(
                    op, pages, MmuNotifierEvent.Clear, ev.HoldMicroseconds, () => PageTableWalk.ZapAsync(host, op, mm, vma, pages));
                return (int)pages.Pages;
            })
            : ProcessTask.WriteLockedAsync(op, mm, async () =>
            {
                await mm.Ranges.WithinAsync(
                    op, pages, MmuNotifierEvent.ProtectionVma, ev.HoldMicroseconds,
                    () => PageTableWalk.ChangeAsync(op, mm, vma, pages, (_, pte) => pte.IsPresent ? pte.AsReadOnly() : pte));
                return (int)pages.Pages;
            });
    }

    private static (Vma? Vma, HvaRange Pages) Target(AddressSpace mm, HvaRange range)
    {
        foreach (var (vma, pages) in mm.Pieces(range))
            if (vma.Kind == VmaKind.Scratch) return (vma, pages);
        foreach (var vma in mm.Vmas)
            if (vma.Kind == VmaKind.Scratch) return (vma, vma.Range);
        return default;
    }
}
