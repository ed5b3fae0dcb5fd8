using System.Collections;
using System.Numerics;

namespace Livebed.Kvm.Addresses;

/// <summary>
/// A set of pages of one range, one bit a page: what QEMU's <c>bmap</c> of a RAMBlock, KVM's dirty bitmap of a memslot and a batch of a
/// stream have in common. Bit 0 of word 0 is the first page of the range, 64 pages a word, as KVM_GET_DIRTY_LOG has it; bits behind the
/// last page are always clear. A page is named by its address or by its number in the range, from 0. A page outside of the range is an
/// error; operations on two sets, or on a set and a range, are about the pages that both have. Not for two threads at once.
/// </summary>
public sealed class PageSet : IEnumerable<Hva>
{
    public const int PagesPerWord = 64;

    private const int WordShift = 6;
    private const long BitMask = PagesPerWord - 1;

    private readonly ulong[] _words;

    /// <summary>No page of the range.</summary>
    public PageSet(HvaRange range)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(range.Pages, nameof(range));
        Range = range;
        _words = new ulong[WordsFor(range.Pages)];
    }

    /// <summary>No page of <paramref name="pages"/> pages that have numbers and no address, as those of a recorded trace.</summary>
    public PageSet(long pages)
        : this(new HvaRange(new Hva(0), pages))
    {
    }

    private PageSet(HvaRange range, ulong[] words)
    {
        (Range, _words) = (range, words);
        foreach (var word in words) Count += BitOperations.PopCount(word);
    }

    public HvaRange Range { get; }

    /// <summary>Pages in the set.</summary>
    public long Count { get; private set; }

    public bool IsEmpty => Count == 0;

    /// <summary>The wire form: 64 pages a word.</summary>
    public ReadOnlyMemory<ulong> Words => _words;

    /// <summary>Words of a set of that many pages.</summary>
    public static int WordsFor(long pages) => checked((int)((pages + PagesPerWord - 1) / PagesPerWord));

    /// <summary>Every page of the range.</summary>
    public static PageSet All(HvaRange range)
    {
        var set = new PageSet(range);
        set.AddAll();
        return set;
    }

    /// <summary>The set that has this wire form. It keeps the words and does not copy them: the caller must not write them any
    /// more.</summary>
    /// <exception cref="ArgumentException">Too few or too many words, or a bit behind the last page.</exception>
    public static PageSet FromWords(HvaRange range, ulong[] words)
    {
        if (range.Pages < 0 || words.Length != WordsFor(range.Pages))
            throw new ArgumentException($"{words.Length} words are not one bit for each page of {range}", nameof(words));
        if (words.Length > 0 && (words[^1] & ~MaskBelow(range.Pages - ((words.Length - 1L) * PagesPerWord))) != 0)
            throw new ArgumentException($"a bit lies behind the last page of {range}", nameof(words));
        return new PageSet(range, words);
    }

    public PageSet Clone() => new(Range, [.. _words]);

    public bool Contains(Hva hva) => Contains(hva - Range.Start);

    public bool Contains(long page) => (WordOf(page) & BitOf(page)) != 0;

    public bool Add(Hva hva) => Add(hva - Range.Start);

    /// <returns>whether it was not there</returns>
    public bool Add(long page)
    {
        ref var word = ref WordOf(page);
        if ((word & BitOf(page)) != 0) return false;
        word |= BitOf(page);
        Count++;
        return true;
    }

    public bool Remove(Hva hva) => Remove(hva - Range.Start);

    /// <returns>whether it was there</returns>
    public bool Remove(long page)
    {
        ref var word = ref WordOf(page);
        if ((word & BitOf(page)) == 0) return false;
        word &= ~BitOf(page);
        Count--;
        return true;
    }

    public void AddAll()
    {
        Array.Fill(_words, ulong.MaxValue);
        if (Range.Pages % PagesPerWord != 0) _words[^1] = MaskBelow(Range.Pages % PagesPerWord);
        Count = Range.Pages;
    }

    /// <summary>Adds the pages of a range.</summary>
    public void Add(HvaRange range)
    {
        var (page, end) = Common(range);
        for (; page < end; page = NextWord(page))
        {
            ref var word = ref WordOf(page);
            var added = MaskOf(page, end) & ~word;
            word |= added;
            Count += BitOperations.PopCount(added);
        }
    }

    public void Clear()
    {
        Array.Clear(_words);
        Count = 0;
    }

    /// <summary>Adds the pages of another set, wherever its range begins.</summary>
    /// <returns>how many were not there</returns>
    public long UnionWith(PageSet other)
    {
        var before = Count;
        var (page, end) = Common(other.Range);
        var offset = Range.Start - other.Range.Start;
        for (; page < end; page = NextWord(page))
        {
            ref var word = ref WordOf(page);
            var added = (other.BitsFrom(page + offset) << (int)(page & BitMask)) & MaskOf(page, end) & ~word;
            word |= added;
            Count += BitOperations.PopCount(added);
        }

        return Count - before;
    }

    /// <summary>A copy of the part of the set that lies in a part of its range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is no part of this range.</exception>
    public PageSet Slice(HvaRange part)
    {
        if (!Range.Covers(part)) throw new ArgumentOutOfRangeException(nameof(part), part, $"{part} is no part of {Range}");
        var slice = new PageSet(part);
        slice.UnionWith(this);
        return slice;
    }

    /// <summary>Removes the pages of a part of the range, and returns them.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is no part of this range.</exception>
    public PageSet Take(HvaRange part)
    {
        var taken = Slice(part);
        if (taken.IsEmpty) return taken;
        var (page, end) = Common(part);
        for (; page < end; page = NextWord(page)) WordOf(page) &= ~MaskOf(page, end);
        Count -= taken.Count;
        return taken;
    }

    /// <summary>Takes the next pages from page number <paramref name="from"/> on: those of a run of <paramref name="pages"/> pages that
    /// begins at a word and has the first page of the set in its first word. Afterwards <paramref name="from"/> follows the run.</summary>
    /// <param name="from">a multiple of 64</param>
    /// <param name="pages">a multiple of 64</param>
    /// <returns>null when there is none</returns>
    public PageSet? TakeNext(ref long from, long pages)
    {
        for (; from < Range.Pages && WordOf(from) == 0; from += PagesPerWord) { }
        if (from >= Range.Pages) return null;
        var taken = Take(new HvaRange(Range.Start + from, Math.Min(pages, Range.Pages - from)));
        from += pages;
        return taken;
    }

    /// <summary>Removes the pages of <paramref name="mask"/> of one word, and returns those of them that were there.</summary>
    public ulong TakeWord(int index, ulong mask = ulong.MaxValue)
    {
        var taken = _words[index] & mask;
        _words[index] &= ~mask;
        Count -= BitOperations.PopCount(taken);
        return taken;
    }

    /// <summary>How many pages of a range are in the set.</summary>
    public long CountWithin(HvaRange range)
    {
        var count = 0L;
        var (page, end) = Common(range);
        for (; page < end; page = NextWord(page)) count += BitOperations.PopCount(WordOf(page) & MaskOf(page, end));
        return count;
    }

    /// <summary>Number of runs of neighbours: a run ends at a page without its successor in the set.</summary>
    public long CountRuns()
    {
        var runs = 0L;
        for (var i = 0; i < _words.Length; i++)
        {
            var next = i + 1 < _words.Length ? _words[i + 1] : 0;
            runs += BitOperations.PopCount(_words[i] & ~((_words[i] >> 1) | (next << (PagesPerWord - 1))));
        }

        return runs;
    }

    /// <summary>The pages of a range that are in the set, as ranges without gaps, ascending. The set must not change meanwhile.</summary>
    public IEnumerable<HvaRange> Runs(HvaRange range)
    {
        var (page, end) = Common(range);
        while (Next(page, end) is >= 0 and var first)
        {
            page = first + 1;
            while (page < end && Contains(page)) page++;
            yield return new HvaRange(Range.Start + first, page - first);
        }
    }

    /// <summary>The pages in ascending order, without an allocation.</summary>
    public Enumerator GetEnumerator() => new(this);

    IEnumerator<Hva> IEnumerable<Hva>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => $"{Count} pages of {Range}";

    private static ulong BitOf(long page) => 1UL << (int)(page & BitMask);

    private static ulong MaskBelow(long bit) => bit >= PagesPerWord ? ulong.MaxValue : (1UL << (int)bit) - 1;

    private static long NextWord(long page) => (page | BitMask) + 1;

    /// <summary>Of the word of page number <paramref name="page"/>: that page and those after it, up to <paramref name="end"/>.</summary>
    private static ulong MaskOf(long page, long end) =>
        (ulong.MaxValue << (int)(page & BitMask)) & MaskBelow(end - (page & ~BitMask));

    private ref ulong WordOf(long page)
    {
        if ((ulong)page >= (ulong)Range.Pages) ThrowOutside(page);
        return ref _words[page >> WordShift];
    }

    private void ThrowOutside(long page) =>
        throw new ArgumentOutOfRangeException(nameof(page), page, $"{Range.Start + page} is outside of {Range}");

    /// <summary>64 pages from page number <paramref name="page"/> on, which is in the range; bit 0 is that page.</summary>
    private ulong BitsFrom(long page)
    {
        var (index, shift) = (page >> WordShift, (int)(page & BitMask));
        var low = _words[index] >> shift;
        return shift == 0 || index + 1 == _words.Length ? low : low | (_words[index + 1] << (PagesPerWord - shift));
    }

    /// <summary>Numbers of the pages that a range and this one have in common; an empty pair when there are none.</summary>
    private (long First, long End) Common(HvaRange range)
    {
        var common = range.Intersect(Range);
        return (common.Start - Range.Start, common.End - Range.Start);
    }

    /// <summary>The first page of the set from number <paramref name="page"/> on; -1 when there is none before
    /// <paramref name="end"/>.</summary>
    private long Next(long page, long end)
    {
        for (; page < end; page = NextWord(page))
            if ((WordOf(page) & MaskOf(page, end)) is not 0 and var bits)
                return (page & ~BitMask) + BitOperations.TrailingZeroCount(bits);
        return -1;
    }

    /// <summary>Steps through the pages. Pages behind the current one may be removed meanwhile.</summary>
    public struct Enumerator(PageSet set) : IEnumerator<Hva>
    {
        private long _page = -1;

        public readonly Hva Current => set.Range.Start + _page;

        readonly object IEnumerator.Current => Current;

        public bool MoveNext()
        {
            var next = set.Next(_page + 1, set.Range.Pages);
            _page = next < 0 ? set.Range.Pages - 1 : next;
            return next >= 0;
        }

        public void Reset() => _page = -1;

        public readonly void Dispose()
        {
        }
    }
}
