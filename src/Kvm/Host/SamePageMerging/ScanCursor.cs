using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.SamePageMerging;

/// <summary>
/// <c>struct ksm_scan</c>: where the scan stands. Address spaces come round by number, so that one that exits or appears does not disturb
/// it; within each, the mergeable areas in order of address. Pages that are not mapped, or by the zero frame, are passed over.
/// </summary>
[CellContent]
internal sealed class ScanCursor(HostState host)
{
    private int _id = int.MinValue;
    private Hva _hva;

    /// <summary>The next mapped page of a mergeable area; null at the end of a full scan; the next call starts over.</summary>
    public KsmItem? Next()
    {
        foreach (var mm in host.AddressSpaces)
        {
            if (mm.Id < _id) continue;
            if (mm.Id > _id) (_id, _hva) = (mm.Id, default);
            foreach (var vma in mm.Vmas)
            {
                if (!vma.Mergeable || vma.Range.End <= _hva) continue;
                for (var hva = _hva > vma.Range.Start ? _hva : vma.Range.Start; hva < vma.Range.End; hva += 1)
                {
                    var pte = vma.PteAt(hva);
                    if (!pte.IsAccessible || pte.Pfn == host.Frames.ZeroFrame) continue;
                    _hva = hva + 1;
                    return new KsmItem(mm, vma, hva);
                }
            }

            _hva = new Hva(long.MaxValue);
        }

        (_id, _hva) = (int.MinValue, default);
        return null;
    }
}
