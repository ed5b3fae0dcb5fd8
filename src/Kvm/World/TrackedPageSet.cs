#pragma warning disable RS0030 // a cell says what is read and written
using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.World;

/// <summary>A <see cref="PageSet"/> with a place for each page, by address; an access to the whole set touches all of them.</summary>
/// <param name="places">of the pages</param>
/// <param name="range">of the set</param>
public readonly struct TrackedPageSet(PlaceTable places, HvaRange range)
{
    private readonly PlaceTable _places = places;
    private readonly PageSet _set = new(range);

    public HvaRange Range => _set.Range;

    public long Count => Read().Count;

    public bool IsEmpty => Count == 0;

    public bool Contains(Hva hva)
    {
        _places.Reads(hva.Value);
        return _set.Contains(hva);
    }

    /// <returns>whether it was not there</returns>
    public bool Add(Hva hva)
    {
        _places.Writes(hva.Value);
        return _set.Add(hva);
    }

    /// <returns>whether it was there</returns>
    public bool Remove(Hva hva)
    {
        _places.Writes(hva.Value);
        return _set.Remove(hva);
    }

    public bool Add(long page) => Add(Range.Start + page);

    public void Add(HvaRange pages) => Write().Add(pages);

    public void AddAll() => Write().AddAll();

    public void Clear() => Write().Clear();

    /// <inheritdoc cref="PageSet.UnionWith"/>
    public long UnionWith(PageSet other) => Write().UnionWith(other);

    public PageSet Clone() => Read().Clone();

    /// <summary>64 pages, by the number of their word.</summary>
    public ulong Word(int index) => Read().Words.Span[index];

    /// <inheritdoc cref="PageSet.Take"/>
    public PageSet Take(HvaRange part) => Write().Take(part);

    /// <inheritdoc cref="PageSet.TakeNext"/>
    public PageSet? TakeNext(ref long from, long pages) => Write().TakeNext(ref from, pages);

    /// <inheritdoc cref="PageSet.TakeWord"/>
    public ulong TakeWord(int index, ulong mask = ulong.MaxValue) => Write().TakeWord(index, mask);

    /// <inheritdoc cref="PageSet.Runs"/>
    public IEnumerable<HvaRange> Runs(HvaRange part) => Read().Runs(part);

    private PageSet Read()
    {
        _places.ReadsAll();
        return _set;
    }

    private PageSet Write()
    {
        _places.WritesAll();
        return _set;
    }
}
