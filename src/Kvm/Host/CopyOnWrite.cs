using Livebed.Kvm.Checks;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// <c>wp_page_copy</c> (mm/memory.c): a write to a page that others see too gets a copy of its own. Order: copy; start; under the PTL clear
/// and flush, then set the new PTE, if the old one is still there; end; drop the old page.
/// </summary>
internal sealed class CopyOnWrite(HostState host)
{
    /// <summary>Consumes the reference that the caller took on the old frame under the PTL. The reference keeps the copy correct: a page
    /// with a second reference is never reused in place.</summary>
    /// <returns>false when the host has no frame left; true also when another operation changed the PTE meanwhile, so look again</returns>
    public async ValueTask<bool> BreakAsync(Operation op, AddressSpace mm, Vma vma, Hva hva, Pte old)
    {
        if (!host.Frames.TryAllocate(zeroed: false, out var copy))
        {
            host.Counters.AllocationFailures++;
            host.World.Reached(ReachedCase.CopyFoundNoFrame);
            if (host.Mutant != Mutant.CopyFailureKeepsReference) host.Frames.Put(old.Pfn);
            return false;
        }

        host.Frames.Copy(old.Pfn, copy);
        host.World.Trace?.Made(ModelStep.PageCopy, 1);
        await host.StepAsync();
        var range = await mm.Ranges.StartAsync(op, new HvaRange(hva, 1), MmuNotifierEvent.Clear);
        try
        {
            await host.StepAsync();
            await ReplaceAsync(op, mm, vma, hva, old, copy);
        }
        finally
        {
            await host.StepAsync();
            await mm.Ranges.EndAsync(op, range);
            host.Frames.Put(copy);
            if (host.Frames.Put(old.Pfn)) host.World.Trace?.Note(op, $"frees {old.Pfn}");
        }

        return true;
    }

    private async ValueTask ReplaceAsync(Operation op, AddressSpace mm, Vma vma, Hva hva, Pte old, Pfn copy)
    {
        await mm.PageTableLock.AcquireAsync(op);
        try
        {
            if (vma.PteAt(hva) != old) return;
            mm.SetPte(op, vma, hva, Pte.None);
            await host.StepAsync();
            host.Frames.Map(copy, mm.Id, hva);
            mm.SetPte(op, vma, hva, Pte.Map(copy, writable: true));
            host.Counters.CowBreaks++;
            if (host.Frames.IsKsm(old.Pfn))
            {
                host.Counters.KsmUnmerges++;
                host.World.Reached(ReachedCase.MergeBroken);
            }
            else if (old.Pfn != host.Frames.ZeroFrame)
            {
                host.World.Reached(ReachedCase.SharedPageCopied);
            }

            host.Frames.Unmap(old.Pfn);
        }
        finally
        {
            mm.PageTableLock.Release(op);
        }
    }
}
