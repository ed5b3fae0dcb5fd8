using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// Pages of an address space, a <see cref="PageSet"/> for each area, as QEMU keeps a bitmap for each RAMBlock (<c>bmap</c>,
/// <c>receivedmap</c>): what was discarded, has arrived, or is missing. Every access to a page is part of the footprint. Belongs to the
/// host's turns.
/// </summary>
internal sealed class PageBits
{
    private readonly Dictionary<Vma, PageSet> _areas = [];
    private readonly PlaceTable _pages;
    private Vma? _lastVma;
    private PageSet? _last;

    public PageBits(IWorld world, AddressSpace mm)
    {
        _pages = new PlaceTable(world);
        foreach (var vma in mm.Vmas) _areas.Add(vma, new PageSet(vma.Range));
    }

    /// <summary>Pages that are set.</summary>
    public long Count { get; private set; }

    public bool IsSet(Vma vma, Hva hva)
    {
        _pages.Reads(hva.Value);
        return Of(vma).Contains(hva);
    }

    /// <returns>whether it was clear</returns>
    public bool Set(Vma vma, Hva hva)
    {
        _pages.Writes(hva.Value);
        if (!Of(vma).Add(hva)) return false;
        Count++;
        return true;
    }

    /// <returns>whether it was set</returns>
    public bool Clear(Vma vma, Hva hva)
    {
        _pages.Writes(hva.Value);
        if (!Of(vma).Remove(hva)) return false;
        Count--;
        return true;
    }

    /// <summary>Adds the pages that lie in the target's range.</summary>
    public void CopyTo(PageSet target)
    {
        foreach (var (vma, pages) in _areas)
        {
            if (!vma.Range.Overlaps(target.Range)) continue;
            _pages.ReadsAll();
            target.UnionWith(pages);
        }
    }

    /// <summary>The pages of a range, which are clear afterwards.</summary>
    public PageSet Take(HvaRange range)
    {
        var taken = new PageSet(range);
        foreach (var (vma, pages) in _areas)
        {
            if (!vma.Range.Overlaps(range)) continue;
            _pages.ReadsAll();
            _pages.WritesAll();
            taken.UnionWith(pages.Take(vma.Range.Intersect(range)));
        }

        Count -= taken.Count;
        return taken;
    }

    /// <summary>The set pages of a part of the area, as ranges without gaps, ascending. The set must not change meanwhile.</summary>
    public IEnumerable<HvaRange> Runs(Vma vma, HvaRange pages)
    {
        _pages.ReadsAll();
        foreach (var run in _areas[vma].Runs(pages)) yield return run;
    }

    /// <summary>Pages come in order, so the area is nearly always the one of the page before.</summary>
    private PageSet Of(Vma vma)
    {
        if (_lastVma != vma) (_lastVma, _last) = (vma, _areas[vma]);
        return _last!;
    }
}
