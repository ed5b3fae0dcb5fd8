using System.Numerics;
using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// Pages of one area that are sent together: the pages of <paramref name="Range"/> with a set bit; bit 0 of word 0 is Range.Start.
/// At most <see cref="PagesMax"/> pages.
/// </summary>
public readonly record struct PageBatch(HvaRange Range, ReadOnlyMemory<ulong> Pages)
{
    public const int PagesMax = 1024;

    /// <summary>Number of set bits, in pages.</summary>
    public int Count()
    {
        var count = 0;
        foreach (var word in Pages.Span) count += BitOperations.PopCount(word);
        return count;
    }
}
