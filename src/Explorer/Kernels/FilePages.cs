using Livebed.Explorer.Beds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Events;

namespace Livebed.Explorer.Kernels;

/// <summary>
/// What a script's memory is where it is a file's. A page that was unmapped is none of the file's until it is mapped again: as on the real
/// side, what lies there is anonymous memory without access, which reads 0 if <c>protect</c> gives it back. The file has its content
/// meanwhile. In the model, which knows anonymous memory alone, those pages of the file lie behind all memory that memslots can lie on;
/// pages that are mapped and given up go to swap.
/// </summary>
/// <param name="bed">the script's</param>
/// <param name="pages">of the script's memory; the address space has twice as many</param>
internal sealed class FilePages(Bed bed, int pages)
{
    private readonly bool[] _isAnonymous = new bool[pages];

    /// <summary>MADV_DONTNEED, munmap or mmap, on runs of pages of one kind.</summary>
    public async ValueTask ChangeAsync(BedVm vm, KernelVerb verb, long at, long count)
    {
        for (var (first, end) = (at, at + count); first < end;)
        {
            var last = first;
            while (last + 1 < end && _isAnonymous[last + 1] == _isAnonymous[first]) last++;
            await ChangeRunAsync(vm, verb, first, last + 1 - first);
            first = last + 1;
        }
    }

    private async ValueTask ChangeRunAsync(BedVm vm, KernelVerb verb, long at, long count)
    {
        var (range, mappings, id) = (new HvaRange(BedVm.RamHva(at), count), vm.Host.Mappings, vm.AddressSpaceId);
        var file = new HvaRange(BedVm.RamHva(pages + at), count);
        var wasAnonymous = _isAnonymous[at];
        if (verb == KernelVerb.DontNeed)
        {
            var kind = wasAnonymous ? HostEventKind.DontNeed : HostEventKind.Reclaim;
            await bed.RunEventAsync(bed.NewOperation(kind), id, range.Start, count);
            return;
        }

        var op = bed.NewOperation(HostEventKind.Unmap);
        if (verb == KernelVerb.Unmap && wasAnonymous) await mappings.UnmapAsync(op, id, range);
        else if (verb == KernelVerb.Unmap) await mappings.MoveAsync(op, id, range, file.Start);
        else if (!wasAnonymous) await mappings.MapAsync(op, id, range, keepsContent: true);
        else
        {
            await mappings.MoveAsync(op, id, file, range.Start);
            await mappings.ProtectAsync(op, id, range, isWritable: true);
        }

        Array.Fill(_isAnonymous, verb == KernelVerb.Unmap, (int)at, (int)count);
    }
}
