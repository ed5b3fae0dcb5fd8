using CsCheck;
using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Tests.Addresses;

/// <summary>A set of pages does what a <see cref="HashSet{T}"/> of their addresses does, on ranges of every length and with every shift
/// between two of them.</summary>
public class PageSetTests
{
    // Ranges that begin and end near each other, at words and between them, and empty ones.
    private static readonly Gen<HvaRange> _ranges =
        Gen.Select(Gen.Long[900, 1100], Gen.OneOf(Gen.Const(0L), Gen.Const(64L), Gen.Const(128L), Gen.Long[0, 300]))
            .Select((start, pages) => new HvaRange(new Hva(start), pages));

    private static readonly Gen<(HvaRange Range, HashSet<long> Pages)> _sets =
        Gen.Select(_ranges, Gen.Long[900, 1400].HashSet[0, 250]).Select((range, pages) => (range, Within(range, pages)));

    [Fact]
    public void Pages_that_are_added_and_removed_one_by_one_are_those_of_a_hash_set() =>
        Gen.Select(_ranges, Gen.Select(Gen.Long[900, 1400], Gen.Bool, Gen.Bool).Array[0, 200]).Sample((range, steps) =>
        {
            var (set, model) = (new PageSet(range), new HashSet<long>());
            foreach (var (page, adds, byNumber) in steps)
            {
                if (!range.Contains(new Hva(page))) continue;
                var number = page - range.Start.Value;
                var changed = adds
                    ? byNumber ? set.Add(number) : set.Add(new Hva(page))
                    : byNumber ? set.Remove(number) : set.Remove(new Hva(page));
                Assert.Equal(adds ? model.Add(page) : model.Remove(page), changed);
                Assert.Equal(model.Contains(page), byNumber ? set.Contains(number) : set.Contains(new Hva(page)));
            }

            AssertSame(model, set);
        });

    [Fact]
    public void A_page_outside_of_the_range_is_an_error() => Gen.Select(_sets, Gen.Long[0, 70]).Sample((given, distance) =>
    {
        var set = Of(given);
        foreach (var page in new[] { given.Range.Start + (-1 - distance), given.Range.End + distance })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => set.Contains(page));
            Assert.Throws<ArgumentOutOfRangeException>(() => set.Add(page));
            Assert.Throws<ArgumentOutOfRangeException>(() => set.Remove(page));
        }

        var beyond = new HvaRange(given.Range.Start, given.Range.Pages + 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Slice(beyond));
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Take(beyond));
        AssertSame(given.Pages, set);
    });

    [Fact]
    public void A_union_has_the_common_pages_of_another_set_and_says_how_many_are_new() => Gen.Select(_sets, _sets).Sample((one, other) =>
    {
        var set = Of(one);
        var expected = Within(one.Range, one.Pages.Union(other.Pages));
        Assert.Equal(expected.Count - one.Pages.Count, set.UnionWith(Of(other)));
        AssertSame(expected, set);
    });

    [Fact]
    public void A_range_that_is_added_or_counted_is_its_common_part() => Gen.Select(_sets, _ranges).Sample((given, range) =>
    {
        var set = Of(given);
        Assert.Equal(given.Pages.Count(page => range.Contains(new Hva(page))), set.CountWithin(range));
        set.Add(range);
        AssertSame(Within(given.Range, given.Pages.Union(Numbers(range))), set);
    });

    [Fact]
    public void A_slice_is_a_part_and_what_is_taken_is_gone() => Gen.Select(_sets, _ranges).Sample((given, wanted) =>
    {
        var part = given.Range.Intersect(wanted);
        if (part.Pages < 0) return;
        var set = Of(given);
        AssertSame(Within(part, given.Pages), set.Slice(part));
        AssertSame(given.Pages, set);
        AssertSame(Within(part, given.Pages), set.Take(part));
        AssertSame([.. given.Pages.Where(page => !part.Contains(new Hva(page)))], set);
    });

    [Fact]
    public void What_is_taken_run_by_run_is_everything_in_order_and_leaves_nothing() =>
        Gen.Select(_sets, Gen.Long[1, 4]).Sample((given, words) =>
        {
            var (set, found) = (Of(given), new List<long>());
            for (var page = 0L; set.TakeNext(ref page, words * PageSet.PagesPerWord) is { } taken;)
            {
                Assert.True(given.Range.Covers(taken.Range) && taken.Range.Pages <= words * PageSet.PagesPerWord);
                Assert.NotEqual(0, taken.CountWithin(taken.Range with { Pages = PageSet.PagesPerWord }));
                found.AddRange(taken.Select(hva => hva.Value));
            }

            Assert.Equal(given.Pages.Order(), found);
            Assert.True(set.IsEmpty);
        });

    [Fact]
    public void A_word_that_is_taken_gives_up_what_the_mask_says() =>
        Gen.Select(_sets, Gen.ULong, Gen.Int[0, 4]).Sample((given, mask, word) =>
    {
        var set = Of(given);
        if (word >= set.Words.Length) return;
        var before = set.Words.Span[word];
        Assert.Equal(before & mask, set.TakeWord(word, mask));
        Assert.Equal(before & ~mask, set.Words.Span[word]);
        Assert.Equal(set.Select(hva => hva.Value).LongCount(), set.Count);
    });

    [Fact]
    public void Runs_are_the_gapless_stretches_of_a_range() => Gen.Select(_sets, _ranges).Sample((given, range) =>
    {
        var (set, within) = (Of(given), Within(range, given.Pages));
        var runs = set.Runs(range).ToList();
        Assert.Equal(within.Order(), runs.SelectMany(Numbers));
        Assert.All(runs, run => Assert.False(within.Contains(run.Start.Value - 1) || within.Contains(run.End.Value)));
        Assert.Equal(set.Runs(given.Range).Count(), set.CountRuns());
    });

    [Fact]
    public void The_wire_form_is_one_bit_a_page_and_comes_back_as_it_went() => _sets.Sample(given =>
    {
        var set = Of(given);
        Assert.Equal((given.Range.Pages + 63) / 64, set.Words.Length);
        for (var page = 0L; page < given.Range.Pages; page++)
            Assert.Equal(
                given.Pages.Contains(given.Range.Start.Value + page), (set.Words.Span[(int)(page / 64)] >> (int)(page % 64) & 1) != 0);
        AssertSame(given.Pages, PageSet.FromWords(given.Range, set.Words.ToArray()));
        AssertSame(given.Pages, set.Clone());
    });

    [Fact]
    public void Words_that_are_not_those_of_the_range_are_refused() => _ranges.Sample(range =>
    {
        var words = PageSet.All(range).Words.ToArray();
        Assert.Throws<ArgumentException>(() => PageSet.FromWords(range, [.. words, 0]));
        if (range.Pages % 64 == 0) return;
        words[^1] |= 1UL << (int)(range.Pages % 64);
        Assert.Throws<ArgumentException>(() => PageSet.FromWords(range, words));
    });

    [Fact]
    public void All_is_every_page_and_clear_is_none() => _ranges.Sample(range =>
    {
        var set = PageSet.All(range);
        AssertSame([.. Numbers(range)], set);
        set.Clear();
        AssertSame([], set);
    });

    [Fact]
    public void Nothing_that_is_done_page_by_page_allocates()
    {
        var (set, other) = (new PageSet(1000), PageSet.All(new HvaRange(new Hva(7), 500)));
        var sum = 0L;
        Use();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Use();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.NotEqual(0, sum);

        void Use()
        {
            for (var page = 0L; page < 1000; page += 3) set.Add(page);
            sum += set.UnionWith(other) + set.CountRuns() + set.CountWithin(other.Range);
            foreach (var hva in set) sum += hva.Value;
            for (var word = 0; word < set.Words.Length; word++) set.TakeWord(word);
        }
    }

    private static PageSet Of((HvaRange Range, HashSet<long> Pages) given)
    {
        var set = new PageSet(given.Range);
        foreach (var page in given.Pages) set.Add(new Hva(page));
        return set;
    }

    private static IEnumerable<long> Numbers(HvaRange range)
    {
        for (var hva = range.Start; hva < range.End; hva += 1) yield return hva.Value;
    }

    private static HashSet<long> Within(HvaRange range, IEnumerable<long> pages) => [.. pages.Where(page => range.Contains(new Hva(page)))];

    private static void AssertSame(HashSet<long> expected, PageSet set)
    {
        Assert.Equal(expected.Order(), set.Select(hva => hva.Value));
        Assert.Equal((expected.Count, expected.Count == 0), (set.Count, set.IsEmpty));
    }
}
