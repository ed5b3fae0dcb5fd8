using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// System calls that change what a process has mapped, and leave it so: <c>munmap</c>, <c>mmap(MAP_FIXED)</c>, <c>mprotect</c> and
/// <c>mremap</c>. Host memory events leave an area as it was, since a guest must not meet a hole; a script shows what KVM says to one.
/// Each call notifies as its system call does, under mmap_lock (write). A range outside of every area is the caller's defect.
/// </summary>
public sealed class MappingChanges
{
    private readonly HostState _host;

    internal MappingChanges(HostState host) => _host = host;

    /// <summary>The pages go; what touches them next is refused (-EFAULT).</summary>
    /// <param name="op">the operation</param>
    /// <param name="addressSpace">its number</param>
    /// <param name="range">pages of it</param>
    public ValueTask UnmapAsync(Operation op, int addressSpace, HvaRange range) =>
        ReplaceAsync(op, addressSpace, range, PageAccess.None, keepsContent: false);

    /// <summary>Maps memory there in place of what there was.</summary>
    /// <param name="op">the operation</param>
    /// <param name="addressSpace">its number</param>
    /// <param name="range">pages of it</param>
    /// <param name="keepsContent">they are pages of a file before and after it, which has them still</param>
    public ValueTask MapAsync(Operation op, int addressSpace, HvaRange range, bool keepsContent = false) =>
        ReplaceAsync(op, addressSpace, range, PageAccess.ReadWrite, keepsContent);

    /// <summary><c>mprotect</c>. Permission that comes back is left to the next fault, as <c>change_pte_range</c> does.</summary>
    public ValueTask ProtectAsync(Operation op, int addressSpace, HvaRange range, bool isWritable) =>
        ChangeAsync(op, addressSpace, async mm =>
        {
            foreach (var (vma, pages) in mm.Pieces(range))
            {
                await mm.Ranges.WithinAsync(
                    op, pages, MmuNotifierEvent.ProtectionVma, 0,
                    () => PageTableWalk.ChangeAsync(
                        op, mm, vma, pages, (_, pte) => pte.IsPresent && !isWritable ? pte.AsReadOnly() : pte));
                SetAccess(vma, pages, isWritable ? PageAccess.ReadWrite : PageAccess.ReadOnly);
            }
        });

    /// <summary><c>mremap(MREMAP_FIXED)</c> (<c>move_page_tables</c>, mm/mremap.c): what was mapped at the new place goes, the pages come
    /// there with their content and permission, and nothing is left at the old place.</summary>
    /// <param name="op">the operation</param>
    /// <param name="addressSpace">its number</param>
    /// <param name="from">the old place</param>
    /// <param name="to">begin of the new one; both have no page in common and lie in one area</param>
    public ValueTask MoveAsync(Operation op, int addressSpace, HvaRange from, Hva to) =>
        ChangeAsync(op, addressSpace, async mm =>
        {
            var target = new HvaRange(to, from.Pages);
            if (mm.Find(from.Start) is not { } vma || !vma.Range.Covers(from) || !vma.Range.Covers(target)) return;
            await mm.Ranges.WithinAsync(
                op, target, MmuNotifierEvent.Unmap, 0, () => PageTableWalk.ZapAsync(_host, op, mm, vma, target));
            await mm.Ranges.WithinAsync(op, from, MmuNotifierEvent.Unmap, 0, () => MovePagesAsync(op, mm, vma, from, to));
        });

    private async ValueTask<int> MovePagesAsync(Operation op, AddressSpace mm, Vma vma, HvaRange from, Hva to)
    {
        var moved = 0;
        await mm.PageTableLock.AcquireAsync(op);
        for (var page = 0L; page < from.Pages; page++)
        {
            var (old, next) = (from.Start + page, to + page);
            var (pte, newest) = (vma.PteAt(old), vma.NewestAt(old));
            vma.SetAccess(next, vma.AccessAt(old));
            vma.SetAccess(old, PageAccess.None);
            if (pte.IsNone) continue;
            if (pte.IsPresent) _host.Frames.Get(pte.Pfn);
            mm.SetPte(op, vma, old, Pte.None, discard: true);
            if (pte.IsPresent)
            {
                _host.Frames.Unmap(pte.Pfn);
                _host.Frames.Map(pte.Pfn, mm.Id, next);
                _host.Frames.Put(pte.Pfn);
            }

            mm.SetPte(op, vma, next, pte);
            vma.Written(next, newest);
            moved++;
        }

        mm.PageTableLock.Release(op);
        return moved;
    }

    /// <summary>Content that is kept goes to swap first, which stands for the file; what is still present then are zeroes.</summary>
    private async ValueTask ReplaceAsync(Operation op, int addressSpace, HvaRange range, PageAccess access, bool keepsContent)
    {
        if (keepsContent && _host.Find(addressSpace) is { } file)
            await new Reclaim(_host).RunAsync(op, file, new HostEvent(HostEventKind.Reclaim, addressSpace, range));
        await ChangeAsync(op, addressSpace, async mm =>
        {
            foreach (var (vma, pages) in mm.Pieces(range))
            {
                await mm.Ranges.WithinAsync(
                    op, pages, MmuNotifierEvent.Unmap, 0,
                    () => keepsContent
                        ? PageTableWalk.ChangeAsync(op, mm, vma, pages, static (_, pte) => pte.IsPresent ? Pte.None : pte)
                        : PageTableWalk.ZapAsync(_host, op, mm, vma, pages));
                SetAccess(vma, pages, access);
            }
        });
    }

    private async ValueTask ChangeAsync(Operation op, int addressSpace, Func<AddressSpace, ValueTask> change)
    {
        if (_host.Find(addressSpace) is not { } mm) return;
        await ProcessTask.WriteLockedAsync(op, mm, async () =>
        {
            await change(mm);
            return 0;
        });
    }

    private static void SetAccess(Vma vma, HvaRange pages, PageAccess access)
    {
        for (var hva = pages.Start; hva < pages.End; hva += 1) vma.SetAccess(hva, access);
    }
}
