using System.Diagnostics;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;

namespace Livebed.Kvm.Tests.Host;

public class FramePoolTests
{
    [Fact]
    public void A_freed_frame_is_poisoned_wholly_and_reused_at_once_as_another_generation()
    {
        var pool = new FramePool(capacity: 8, pageSize: 128);
        Assert.True(pool.TryAllocate(zeroed: true, out var first));
        Assert.True(pool.TryAllocate(zeroed: true, out _));
        pool.Stamp(first, 0x1234);
        var generation = pool.Generation(first);

        Assert.True(pool.Put(first));

        Assert.Equal(-1, pool.Bytes(first).IndexOfAnyExcept(FramePool.Poison));
        Assert.True(pool.TryAllocate(zeroed: true, out var second));
        Assert.Equal(first, second);
        Assert.Equal(generation + 1, pool.Generation(second));
        Assert.Equal(-1, pool.Bytes(second).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Frames_beyond_the_capacity_are_refused_until_one_is_freed()
    {
        var pool = new FramePool(capacity: 20_000, pageSize: 64);
        var frames = new HashSet<Pfn>();
        while (pool.TryAllocate(zeroed: false, out var pfn)) Assert.True(frames.Add(pfn));

        Assert.Equal(20_000, frames.Count);
        Assert.Equal(20_000, pool.InUse);
        Assert.DoesNotContain(pool.ZeroFrame, frames);
        pool.Put(frames.First());
        Assert.True(pool.TryAllocate(zeroed: false, out _));
    }

    [Fact]
    public void A_frame_is_freed_only_when_neither_mappings_nor_references_are_left()
    {
        var pool = new FramePool(4, 64);
        pool.TryAllocate(zeroed: true, out var pfn);
        pool.Map(pfn, 0, new Hva(1));
        Assert.False(pool.Put(pfn));
        pool.Get(pfn);
        Assert.False(pool.Unmap(pfn));
        Assert.Equal(1, pool.InUse);
        Assert.True(pool.Put(pfn));
        Assert.Equal(0, pool.InUse);
    }

    [Fact]
    public void Putting_a_reference_that_nobody_holds_is_a_defect()
    {
        var pool = new FramePool(4, 64);
        pool.TryAllocate(zeroed: true, out var pfn);
        pool.Map(pfn, 0, new Hva(1));
        pool.Put(pfn);

        Assert.Throws<UnreachableException>(() => pool.Put(pfn));
        Assert.Throws<UnreachableException>(() => pool.Put(pool.ZeroFrame));
        Assert.Throws<UnreachableException>(() => pool.Put(new Pfn(3)));
        Assert.Throws<UnreachableException>(() => pool.Put(Pfn.None));
    }

    [Fact]
    public void A_write_to_a_free_frame_is_found_at_the_next_allocation()
    {
        var pool = new FramePool(4, 64);
        pool.TryAllocate(zeroed: true, out var pfn);
        pool.Put(pfn);
        pool.Bytes(pfn)[17] = 1;
        Assert.Throws<UnreachableException>(() => pool.TryAllocate(zeroed: true, out _));
    }

    [Theory]
    [InlineData(0, 64)]
    [InlineData(1, 63)]
    [InlineData(1, 96)]
    [InlineData(1, 131072)]
    public void Sizes_that_make_no_sense_are_refused(int capacity, int pageSize) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new FramePool(capacity, pageSize));
}
