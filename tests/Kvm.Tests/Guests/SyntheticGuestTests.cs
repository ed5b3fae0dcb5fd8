using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;

namespace Livebed.Kvm.Tests.Guests;

/// <summary>Synthetic guests do what the selftests' options of the same name say.</summary>
public sealed class SyntheticGuestTests
{
    private const int PageSize = 4096;
    private static readonly Gfn RamBase = new(0x100);

    [Fact]
    public void Sequential_partitioned_vcpus_walk_their_own_pages_in_turn()
    {
        var spec = new SyntheticGuestSpec(3 * PageSize);
        Assert.Equal([0x100, 0x101, 0x102, 0x100], Pages(spec, vcpu: 0, count: 4));
        Assert.Equal([0x103, 0x104, 0x105, 0x103], Pages(spec, vcpu: 1, count: 4));
    }

    [Fact]
    public void Overlapping_vcpus_walk_the_whole_memory()
    {
        var spec = new SyntheticGuestSpec(2 * PageSize, Overlapping: true);
        Assert.Equal([0x100, 0x101, 0x102, 0x103, 0x100], Pages(spec, vcpu: 1, count: 5));
    }

    [Fact]
    public void Stride_touches_every_nth_page_only()
    {
        Assert.Equal([0x100, 0x103, 0x106, 0x100], Pages(new SyntheticGuestSpec(8 * PageSize, StridePages: 3), 0, 4));
        Assert.Equal(
            [0x100, 0x103, 0x106],
            Pages(new SyntheticGuestSpec(8 * PageSize, StridePages: 3, RandomAccess: true), 0, 1000).Distinct().Order());
    }

    [Fact]
    public void Random_access_reaches_every_page_of_the_part_and_no_other() =>
        Assert.Equal(
            Enumerable.Range(0x100 + 50, 50).Select(page => (long)page),
            Pages(new SyntheticGuestSpec(50 * PageSize, RandomAccess: true), 1, 5000).Distinct().Order());

    [Fact]
    public void Write_percent_is_the_share_of_writes()
    {
        using var guest = Create(new SyntheticGuestSpec(64 * PageSize, WritePercent: 30), 0);
        var operations = Take(guest, 20_000);
        Assert.InRange(operations.Count(operation => operation.Kind == GuestAccessKind.Write), 5_700, 6_300);
        Assert.All(operations.Where(operation => operation.Kind == GuestAccessKind.Read), operation => Assert.Equal(0UL, operation.Value));
    }

    [Fact]
    public void A_share_of_accesses_goes_to_the_extra_range()
    {
        var extra = new GfnRange(new Gfn(0x9000), 4);
        var pages = Pages(new SyntheticGuestSpec(16 * PageSize, ExtraRange: extra, ExtraPercent: 5), 0, 20_000);
        Assert.InRange(pages.Count(page => page >= 0x9000), 800, 1_200);
        Assert.Equal([0x9000, 0x9001, 0x9002, 0x9003], pages.Where(page => page >= 0x9000).Distinct().Order());
    }

    [Fact]
    public void With_a_rate_access_k_is_due_at_k_over_the_rate()
    {
        using var guest = Create(new SyntheticGuestSpec(16 * PageSize, AccessesPerSecond: 300_007), 0);
        var one = new GuestOperation[1];
        for (var k = 0L; k < 700_000; k++)
        {
            Assert.Equal(k * 1_000_000 / 300_007, guest.NextDueMicroseconds);
            Assert.Equal(1, guest.Next(one, guest.NextDueMicroseconds));
        }
    }

    [Fact]
    public void A_vcpu_that_was_held_up_is_behind_and_catches_up()
    {
        using var guest = Create(new SyntheticGuestSpec(16 * PageSize, AccessesPerSecond: 1000), 0);
        var span = new GuestOperation[5];
        Assert.Equal(5, guest.Next(span, 9_000));
        Assert.Equal(5_000, guest.BehindMicroseconds);
        Assert.Equal(5, guest.Next(span, 9_500));
        Assert.Equal(500, guest.BehindMicroseconds);
        Assert.Equal(0, guest.Next(span, 9_999));
        Assert.Equal(10_000, guest.NextDueMicroseconds);
        Assert.Equal(10, guest.AccessesHandedOut);
    }

    [Fact]
    public void Without_a_rate_the_next_access_is_always_due_and_nobody_is_behind()
    {
        using var guest = Create(new SyntheticGuestSpec(16 * PageSize), 0);
        var span = new GuestOperation[100];
        foreach (var now in (long[])[0, 50, 1_000_000])
        {
            Assert.Equal(100, guest.Next(span, now));
            Assert.Equal(now, guest.NextDueMicroseconds);
            Assert.Equal(0, guest.BehindMicroseconds);
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_accesses_and_each_vcpu_and_vm_its_own()
    {
        var spec = new SyntheticGuestSpec(1000 * PageSize, RandomAccess: true, Overlapping: true, WritePercent: 50);
        var accesses = Take(Create(spec, 0), 5000);
        Assert.Equal(accesses, Take(Create(spec, 0), 5000));
        Assert.NotEqual(accesses.Select(o => o.Gfn), Take(Create(spec, 1), 5000).Select(o => o.Gfn));
        Assert.NotEqual(accesses.Select(o => o.Gfn), Take(spec.Create(7, 2, 0, 2, RamBase, PageSize), 5000).Select(o => o.Gfn));
    }

    [Fact]
    public void Nothing_is_allocated_per_access()
    {
        var spec = new SyntheticGuestSpec(
            1000 * PageSize, WritePercent: 50, RandomAccess: true, AccessesPerSecond: 1_000_000,
            ExtraRange: new GfnRange(new Gfn(0x9000), 4), ExtraPercent: 3, ZeroPercent: 10, RepeatedPercent: 10);
        using var guest = Create(spec, 0);
        var span = new GuestOperation[256];
        guest.Next(span, 1_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var now = 1_000; now < 1_000_000; now += 200) guest.Next(span, now);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Pages_needed_are_whole_pages_for_each_vcpu() =>
        Assert.Equal(12, new SyntheticGuestSpec(2 * PageSize + 1).PagesNeeded(4, PageSize));

    [Fact]
    public void Impossible_values_are_refused()
    {
        SyntheticGuestSpec[] wrong =
        [
            new(0), new(PageSize, WritePercent: 101), new(PageSize, StridePages: 0), new(PageSize, AccessesPerSecond: -1),
            new(PageSize, ExtraPercent: 1), new(PageSize, ZeroPercent: 60, RepeatedPercent: 41), new(PageSize, Patterns: 0),
        ];
        Assert.All(wrong, spec => Assert.ThrowsAny<ArgumentException>(() => Create(spec, 0)));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new SyntheticGuestSpec(PageSize).Create(7, PageContent.MaxVms, 0, 1, RamBase, PageSize));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SyntheticGuestSpec(PageSize).Create(7, 0, 1, 1, RamBase, PageSize));
    }

    private static IPacedGuestProgram Create(SyntheticGuestSpec spec, int vcpu) => spec.Create(7, 1, vcpu, 2, RamBase, PageSize);

    private static List<long> Pages(SyntheticGuestSpec spec, int vcpu, int count) =>
        [.. Take(Create(spec, vcpu), count).Select(operation => operation.Gfn.Value)];

    private static GuestOperation[] Take(IPacedGuestProgram guest, int count)
    {
        var span = new GuestOperation[count];
        Assert.Equal(count, guest.Next(span, 0));
        return span;
    }
}
