using System.Numerics;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;

namespace Livebed.Kvm.Migration;

/// <summary>
/// QEMU's <c>RAMBlock</c> with its <c>bmap</c>: memory of the guest that one area of the process holds, and which of its pages the
/// destination does not have in their newest form, as far as user space knows. 64 pages a word; bit 0 of word 0 is the first page.
/// </summary>
internal sealed class RamBlock
{
    public RamBlock(HvaRange range)
    {
        Range = range;
        Dirty = new ulong[(range.Pages + 63) / 64];
    }

    public HvaRange Range { get; }
    public ulong[] Dirty { get; }

    public long DirtyPages
    {
        get
        {
            var count = 0L;
            foreach (var word in Dirty) count += BitOperations.PopCount(word);
            return count;
        }
    }

    public void MarkAll() => Mark(Range);

    /// <summary>Marks the part of the range that is this block's.</summary>
    public void Mark(HvaRange range)
    {
        var pages = range.Intersect(Range);
        for (var page = pages.Start - Range.Start; page < pages.End - Range.Start; page++) Mark(page);
    }

    public void Mark(long page) => Dirty[page >> 6] |= 1UL << (int)(page & 63);

    /// <summary>The first dirty word becomes clean: what a mutant loses. A whole word, since a single page may have been written just
    /// before it was read, and then nothing is lost.</summary>
    public void LoseFirst()
    {
        for (var word = 0; word < Dirty.Length; word++)
        {
            if (Dirty[word] == 0) continue;
            Dirty[word] = 0;
            return;
        }
    }

    public bool TryClear(long page)
    {
        var bit = 1UL << (int)(page & 63);
        var was = (Dirty[page >> 6] & bit) != 0;
        Dirty[page >> 6] &= ~bit;
        return was;
    }

    /// <summary>ORs in what KVM reported of a memslot that shows a part of this block.</summary>
    /// <returns>pages that were not known to be dirty</returns>
    public long MarkReported(Memslot slot, ReadOnlySpan<ulong> bits)
    {
        var added = 0L;
        for (var word = 0; word < bits.Length; word++)
            for (var rest = bits[word]; rest != 0; rest &= rest - 1)
            {
                var hva = slot.BaseHva + (word * 64L + BitOperations.TrailingZeroCount(rest));
                if (!Range.Contains(hva)) continue;
                var page = hva - Range.Start;
                if ((Dirty[page >> 6] & (1UL << (int)(page & 63))) != 0) continue;
                Mark(page);
                added++;
            }

        return added;
    }

    /// <summary>Takes the words of the next batch that has a dirty page, from word <paramref name="word"/> on; they are clean
    /// afterwards.</summary>
    /// <returns>null when there is none; else the pages and their words</returns>
    public PageBatch? TakeBatch(ref int word, int words)
    {
        while (word < Dirty.Length && Dirty[word] == 0) word++;
        if (word >= Dirty.Length) return null;
        var count = Math.Min(words, Dirty.Length - word);
        var taken = Dirty.AsSpan(word, count).ToArray();
        Array.Clear(Dirty, word, count);
        var first = Range.Start + word * 64L;
        word += count;
        return new PageBatch(new HvaRange(first, Math.Min(count * 64L, Range.End - first)), taken);
    }
}
