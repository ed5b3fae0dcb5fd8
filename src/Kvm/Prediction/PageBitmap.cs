using System.Numerics;

namespace Livebed.Kvm.Prediction;

/// <summary>A set of pages, one bit each, that knows how many it has.</summary>
internal sealed class PageBitmap(long pages)
{
    private readonly ulong[] _words = new ulong[(pages + 63) / 64];

    public long Count { get; private set; }

    public bool Contains(long page) => (_words[page >> 6] & (1UL << (int)(page & 63))) != 0;

    /// <summary>False if it was there.</summary>
    public bool Add(long page)
    {
        ref var word = ref _words[page >> 6];
        var bit = 1UL << (int)(page & 63);
        if ((word & bit) != 0) return false;
        word |= bit;
        Count++;
        return true;
    }

    public bool Remove(long page)
    {
        ref var word = ref _words[page >> 6];
        var bit = 1UL << (int)(page & 63);
        if ((word & bit) == 0) return false;
        word &= ~bit;
        Count--;
        return true;
    }

    public void Clear()
    {
        Array.Clear(_words);
        Count = 0;
    }

    public void AddAll()
    {
        Array.Fill(_words, ulong.MaxValue);
        if (pages % 64 != 0) _words[^1] = (1UL << (int)(pages % 64)) - 1;
        Count = pages;
    }

    /// <summary>Pages of [first, end); first is a multiple of 64, and so is end unless it is the last page's.</summary>
    public long CountWithin(long first, long end)
    {
        var count = 0L;
        for (var word = first >> 6; word < (end + 63) >> 6; word++) count += BitOperations.PopCount(_words[word]);
        return count;
    }

    /// <summary>Runs of neighbours: the ends of runs are the bits whose successor is not set.</summary>
    public long CountRuns()
    {
        var runs = 0L;
        for (var i = 0; i < _words.Length; i++)
        {
            var next = i + 1 < _words.Length ? _words[i + 1] : 0;
            runs += BitOperations.PopCount(_words[i] & ~((_words[i] >> 1) | (next << 63)));
        }

        return runs;
    }
}
