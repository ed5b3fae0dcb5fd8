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
    [Untracked("never changed: its values are cells")]
    private readonly Dictionary<Vma, TrackedPageSet> _areas = [];

    [Untracked("a cache of what never changes")]
    private Vma? _lastVma;

    [Untracked("a cache of what never changes")]
    private TrackedPageSet _last;

    public PageBits(IWorld world, AddressSpace mm)
    {
        var places = new PlaceTable(world);
        foreach (var vma in mm.Vmas) _areas.Add(vma, new TrackedPageSet(places, vma.Range));
    }

    /// <summary>Pages that are set.</summary>
    public long Count
    {
        get
        {
            var count = 0L;
            foreach (var pages in _areas.Values) count += pages.Count;
            return count;
        }
    }

    public bool IsSet(Vma vma, Hva hva) => Of(vma).Contains(hva);

    /// <returns>whether it was clear</returns>
    public bool Set(Vma vma, Hva hva) => Of(vma).Add(hva);

    /// <returns>whether it was set</returns>
    public bool Clear(Vma vma, Hva hva) => Of(vma).Remove(hva);

    /// <summary>Adds the pages that lie in the target's range.</summary>
    public void CopyTo(PageSet target)
    {
        foreach (var (vma, pages) in _areas)
        {
            if (!vma.Range.Overlaps(target.Range)) continue;
            target.UnionWith(pages.Clone());
        }
    }

    /// <summary>The pages of a range, which are clear afterwards.</summary>
    public PageSet Take(HvaRange range)
    {
        var taken = new PageSet(range);
        foreach (var (vma, pages) in _areas)
        {
            if (!vma.Range.Overlaps(range)) continue;
            taken.UnionWith(pages.Take(vma.Range.Intersect(range)));
        }

        return taken;
    }

    /// <summary>The set pages of a part of the area, as ranges without gaps, ascending. The set must not change meanwhile.</summary>
    public IEnumerable<HvaRange> Runs(Vma vma, HvaRange pages) => _areas[vma].Runs(pages);

    /// <summary>Pages come in order, so the area is nearly always the one of the page before.</summary>
    private TrackedPageSet Of(Vma vma)
    {
        if (_lastVma != vma) (_lastVma, _last) = (vma, _areas[vma]);
        return _last;
    }
}
