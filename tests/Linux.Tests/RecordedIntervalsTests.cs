using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Linux.Processes;
using Livebed.Linux.Recording;

namespace Livebed.Linux.Tests;

/// <summary>Pages anywhere in an address space become the dense numbers of a trace.</summary>
public sealed class RecordedIntervalsTests
{
    private static readonly long _far = (1L << 34) + 17;

    [Fact]
    public void Numbers_are_dense_and_in_the_order_of_addresses()
    {
        var intervals = new RecordedIntervals(RecordedMemory.OfProcess);
        intervals.Begin(new InitialMemory([new(100, 2), new(_far, 1)], [new(101, 1)]), [new(_far + 1, 5)]);
        Assert.True(intervals.TryAdd(10_000, [new(_far, 2)]));
        Assert.True(intervals.TryAdd(20_000, []));
        // Between the two, and neighbours of none: 100, 101, 5000, far, far + 1.
        Assert.True(intervals.TryAdd(30_000, [new(101, 1), new(5000, 1), new(_far, 1)]));
        var header = intervals.Header("name", "source", "wp-async", DateTimeOffset.UnixEpoch);
        Assert.Equal((5, 3), (header.Pages, header.Intervals));
        // Page 101 held something, and the last is a file's.
        Assert.Equal(3, header.ZeroPages);
        Assert.Equal([new HvaRange(new Hva(0), 1), new HvaRange(new Hva(2), 2)], header.ZeroRuns!);
        var written = intervals.Intervals().Select(interval => (interval.TimeMicroseconds, Runs: interval.Runs.ToList())).ToList();
        Assert.Equal([10_000, 20_000, 30_000], written.Select(interval => interval.TimeMicroseconds));
        Assert.Equal([new PageRun(3, 2)], written[0].Runs);
        Assert.Empty(written[1].Runs);
        Assert.Equal([new PageRun(1, 3)], written[2].Runs);
    }

    [Fact]
    public void Pages_of_a_guest_have_the_numbers_of_its_RAM()
    {
        ProcessMapping Range(ulong first, ulong pages) => new(first << 12, first + pages << 12, "rw-p", 0, "");
        var memory = new RecordedMemory([Range(1000, 10), Range(5000, 10)], "");
        var intervals = new RecordedIntervals(memory);
        intervals.Begin(new InitialMemory([new(1000, 10)], [new(1001, 2), new(5009, 1)]), []);
        Assert.True(intervals.TryAdd(10_000, [new(1009, 1), new(5000, 2)]));
        var header = intervals.Header("name", "source", "wp-async", DateTimeOffset.UnixEpoch);
        Assert.Equal((20, 17, "guest"), (header.Pages, header.ZeroPages, header.Memory));
        Assert.Equal([new PageRun(9, 3)], Assert.Single(intervals.Intervals()).Runs);
    }

    [Fact]
    public void Many_runs_come_back_as_they_were()
    {
        var intervals = new RecordedIntervals(RecordedMemory.OfProcess);
        intervals.Begin(new InitialMemory([], []), []);
        // Together more than a segment of the buffer holds.
        var runs = Enumerable.Range(0, 500_000).Select(index => new PageRun(index * 3L, 2)).ToList();
        Assert.True(intervals.TryAdd(1, runs));
        Assert.True(intervals.TryAdd(1_000_000, runs));
        Assert.All(intervals.Intervals(), interval => Assert.Equal([new PageRun(0, 1_000_000)], interval.Runs));
    }

    [Fact]
    public void A_recording_that_the_format_has_no_room_for_ends()
    {
        var intervals = new RecordedIntervals(RecordedMemory.OfProcess);
        intervals.Begin(new InitialMemory([], []), []);
        Assert.False(intervals.TryAdd(1, [new PageRun(0, DirtyPageTrace.MaxPageWritesAtOnce + 100)]));
        Assert.False(intervals.TryAdd(DirtyPageTrace.MaxTimeMicroseconds + 1, []));
        Assert.Equal(0, intervals.Count);
    }
}
