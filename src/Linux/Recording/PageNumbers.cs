using System.Numerics;
using Livebed.Kvm.Guests;

namespace Livebed.Linux.Recording;

/// <summary>
/// Pages by their addresses, wherever in the address space they are, and dense numbers for them in the order of their addresses, as a trace
/// has them. A bit a page, in chunks of 4096 pages.
/// </summary>
internal sealed class PageNumbers
{
    private const int ChunkShift = 12;
    private const long ChunkMask = (1 << ChunkShift) - 1;
    private const int WordsOfAChunk = 1 << ChunkShift - 6;

    private readonly Dictionary<long, ulong[]> _chunks = [];
    private Dictionary<long, long>? _firsts;

    /// <summary>Pages in the set.</summary>
    public long Count { get; private set; }

    public void Add(PageRun run)
    {
        _firsts = null;
        for (var page = run.First; page < run.End; page++)
        {
            if (!_chunks.TryGetValue(page >> ChunkShift, out var words)) _chunks[page >> ChunkShift] = words = new ulong[WordsOfAChunk];
            ref var word = ref words[(page & ChunkMask) >> 6];
            var bit = 1UL << (int)(page & 63);
            if ((word & bit) != 0) continue;
            word |= bit;
            Count++;
        }
    }

    public bool Contains(long page) => _chunks.TryGetValue(page >> ChunkShift, out var words)
        && (words[(page & ChunkMask) >> 6] >> (int)(page & 63) & 1) != 0;

    /// <summary>The number of a page of the set, from 0.</summary>
    public long NumberOf(long page)
    {
        _firsts ??= Firsts();
        var words = _chunks[page >> ChunkShift];
        var number = _firsts[page >> ChunkShift];
        var last = (page & ChunkMask) >> 6;
        for (var word = 0; word < last; word++) number += BitOperations.PopCount(words[word]);
        return number + BitOperations.PopCount(words[last] & ((1UL << (int)(page & 63)) - 1));
    }

    /// <summary>All pages of the set.</summary>
    public IEnumerable<long> Pages()
    {
        foreach (var chunk in _chunks.Keys.Order())
            for (var word = 0; word < WordsOfAChunk; word++)
                for (var rest = _chunks[chunk][word]; rest != 0; rest &= rest - 1)
                    yield return (chunk << ChunkShift) + (word << 6) + BitOperations.TrailingZeroCount(rest);
    }

    /// <summary>Those of the runs' pages that are not in the set.</summary>
    public List<PageRun> Without(IReadOnlyList<PageRun> runs)
    {
        var rest = new List<PageRun>();
        foreach (var run in runs)
            for (var page = run.First; page < run.End; page++)
                if (!Contains(page)) rest.Append(page, 1);
        return rest;
    }

    private Dictionary<long, long> Firsts()
    {
        var (firsts, next) = (new Dictionary<long, long>(), 0L);
        foreach (var chunk in _chunks.Keys.Order())
        {
            firsts[chunk] = next;
            foreach (var word in _chunks[chunk]) next += BitOperations.PopCount(word);
        }

        return firsts;
    }
}
