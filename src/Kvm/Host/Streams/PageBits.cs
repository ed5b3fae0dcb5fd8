using System.Numerics;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// One bit for each page of an address space, as QEMU keeps a bitmap for each RAMBlock (<c>bmap</c>, <c>receivedmap</c>): what was
/// discarded, has arrived, or is missing. Belongs to the host's turns.
/// </summary>
internal sealed class PageBits
{
    private readonly Dictionary<Vma, ulong[]> _words = [];
    private readonly PlaceTable _pages;
    private Vma? _lastVma;
    private ulong[] _lastWords = [];

    public PageBits(IWorld world, AddressSpace mm)
    {
        _pages = new PlaceTable(world);
        foreach (var vma in mm.Vmas) _words.Add(vma, new ulong[(vma.Range.Pages + 63) >> 6]);
    }

    /// <summary>Bits that are set.</summary>
    public long Count { get; private set; }

    public bool IsSet(Vma vma, Hva hva)
    {
        _pages.Reads(hva.Value);
        var page = hva - vma.Range.Start;
        return (WordsOf(vma)[page >> 6] & (1UL << (int)(page & 63))) != 0;
    }

    /// <returns>whether it was clear</returns>
    public bool Set(Vma vma, Hva hva)
    {
        _pages.Writes(hva.Value);
        ref var word = ref WordOf(vma, hva, out var bit);
        if ((word & bit) != 0) return false;
        word |= bit;
        Count++;
        return true;
    }

    /// <returns>whether it was set</returns>
    public bool Clear(Vma vma, Hva hva)
    {
        _pages.Writes(hva.Value);
        ref var word = ref WordOf(vma, hva, out var bit);
        if ((word & bit) == 0) return false;
        word &= ~bit;
        Count--;
        return true;
    }

    /// <summary>ORs the bits of a range into 64 pages a word, bit 0 of word 0 being its first page; with <paramref name="take"/> they are
    /// clear afterwards. Pages outside of every area have no bit.</summary>
    public void CopyTo(HvaRange range, Span<ulong> target, bool take = false)
    {
        foreach (var (vma, words) in _words)
        {
            var pages = vma.Range.Intersect(range);
            if (pages.IsEmpty) continue;
            _pages.ReadsAll();
            if (take) _pages.WritesAll();
            var first = pages.Start - vma.Range.Start;
            var offset = pages.Start - range.Start - first;
            for (var at = first; at < first + pages.Pages; at = (at | 63) + 1)
            {
                ref var word = ref words[at >> 6];
                var bits = word & MaskOf(at, first + pages.Pages);
                if (take) word &= ~bits;
                if (take) Count -= BitOperations.PopCount(bits);
                for (; bits != 0; bits &= bits - 1)
                {
                    var page = (at & ~63L) + BitOperations.TrailingZeroCount(bits) + offset;
                    target[(int)(page >> 6)] |= 1UL << (int)(page & 63);
                }
            }
        }
    }

    /// <summary>The set bits of a part of the area, as ranges without gaps, ascending. The bits must not change meanwhile.</summary>
    public IEnumerable<HvaRange> Runs(Vma vma, HvaRange pages)
    {
        _pages.ReadsAll();
        var words = _words[vma];
        var end = pages.End - vma.Range.Start;
        var start = -1L;
        for (var page = pages.Start - vma.Range.Start; page <= end; page++)
        {
            var isSet = page < end && (words[page >> 6] & (1UL << (int)(page & 63))) != 0;
            if (isSet == (start >= 0)) continue;
            if (!isSet) yield return new HvaRange(vma.Range.Start + start, page - start);
            start = isSet ? page : -1;
        }
    }

    /// <summary>Of the word in which page <paramref name="at"/> lies: that page and those after it, up to <paramref name="end"/>.</summary>
    private static ulong MaskOf(long at, long end)
    {
        var mask = ulong.MaxValue << (int)(at & 63);
        return end > (at | 63) ? mask : mask & ((1UL << (int)(end & 63)) - 1);
    }

    private ref ulong WordOf(Vma vma, Hva hva, out ulong bit)
    {
        var page = hva - vma.Range.Start;
        bit = 1UL << (int)(page & 63);
        return ref WordsOf(vma)[page >> 6];
    }

    /// <summary>Pages come in order, so the area is nearly always the one of the page before.</summary>
    private ulong[] WordsOf(Vma vma)
    {
        if (_lastVma != vma) (_lastVma, _lastWords) = (vma, _words[vma]);
        return _lastWords;
    }
}
