using CsCheck;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Tests.Migration;

public class RamBlockTests
{
    private static readonly Hva Start = new(1 << 20);

    [Fact]
    public void Batches_together_are_exactly_the_dirty_pages_and_leave_none() =>
        Gen.Select(Gen.Int[1, 700], Gen.Int[0, 699].HashSet[0, 200], Gen.Int[1, 4]).Sample((pages, marked, words) =>
        {
            var block = new RamBlock(new HvaRange(Start, pages));
            foreach (var page in marked) block.Mark(new HvaRange(Start + page, 1));
            var found = new List<long>();
            for (var word = 0; block.TakeBatch(ref word, words) is { } batch;)
            {
                Assert.True(block.Range.Covers(batch.Range));
                for (var page = 0; page < batch.Pages.Length * 64; page++)
                    if ((batch.Pages.Span[page >> 6] & (1UL << (page & 63))) != 0)
                        found.Add(batch.Range.Start - Start + page);
            }

            Assert.Equal(marked.Where(page => page < pages).Order().Select(page => (long)page), found);
            Assert.Equal(0, block.DirtyPages);
        });

    [Fact]
    public void A_memslot_that_begins_anywhere_in_a_block_marks_its_own_pages_and_no_other() =>
        Gen.Select(Gen.Int[-70, 200], Gen.Int[1, 150], Gen.ULong.Array[3]).Sample((offset, pages, bits) =>
        {
            var block = new RamBlock(new HvaRange(Start, 200));
            var slot = new Memslot(0, 1, new Gfn(256), pages, Start + offset, MemslotFlags.LogDirtyPages, new DirtyBitmap(pages));
            var reported = bits.AsSpan(0, (pages + 63) / 64).ToArray();
            if (pages % 64 != 0) reported[^1] &= (1UL << (pages % 64)) - 1;
            var added = block.MarkReported(slot, reported);
            var expected = Enumerable.Range(0, pages).Where(page => (reported[page >> 6] & (1UL << (page & 63))) != 0)
                .Select(page => page + offset).Where(page => page is >= 0 and < 200).ToHashSet();
            Assert.Equal(expected.Count, added);
            for (var page = 0; page < 200; page++)
                Assert.Equal(expected.Contains(page), (block.Dirty[page >> 6] & (1UL << (page & 63))) != 0);
        });

    [Fact]
    public void A_page_is_taken_once()
    {
        var block = new RamBlock(new HvaRange(Start, 3));
        block.MarkAll();
        Assert.True(block.TryClear(2));
        Assert.False(block.TryClear(2));
        Assert.Equal(2, block.DirtyPages);
    }
}
