using CsCheck;
using Livebed.Kvm.Host.Streams;

namespace Livebed.Kvm.Tests.Host.Streams;

/// <summary>Held against what bytes over bandwidth say, at a byte a microsecond, so that bytes are times.</summary>
public class LinkSchedulerTests
{
    private const long BytesPerSecond = 1_000_000;
    private const int LateMax = 15_000;

    private static readonly Gen<int[]> _chunks = Gen.Int[1, 2_000].Array[5, 30];

    [Fact]
    public void A_stream_alone_has_all_of_it_and_two_that_always_send_have_halves_however_many_channels_each_has() =>
        Run(async (world, link) =>
    {
        var alone = new LinkSender(world, link, channels: 2, Chunks(10, 1_000));
        await alone.RunAsync();
        Assert.Equal(10_000, alone.At);
        Assert.Equal(0, alone.Share.TakeWaitedMicroseconds());

        var (few, many) = (
            new LinkSender(world, link, channels: 2, Chunks(100, 1_000)), new LinkSender(world, link, channels: 16, Chunks(100, 1_000)));
        await Task.WhenAll(few.RunAsync(), many.RunAsync());
        Assert.Equal(210_000, world.NowMicroseconds);
        Assert.InRange(Math.Abs(few.At - many.At), 0, 1_000);
        Assert.InRange(few.Share.TakeWaitedMicroseconds(), 99_000, 100_000);
    });

    [Fact]
    public void Whoever_has_something_to_send_the_link_carries_its_bandwidth() =>
        Gen.Select(_chunks, Gen.Int[1, 8], Gen.Int[0, 20_000]).Array[1, 6].Sample(streams => Run(async (world, link) =>
    {
        // Any order that leaves the link idle only when no stream has bytes to send gives the same last moment; FIFO is the simplest.
        var (busyUntil, ends) = (0L, new List<long>());
        foreach (var (chunks, _, begins) in streams.OrderBy(stream => stream.Item3)) busyUntil = Math.Max(busyUntil, begins) + chunks.Sum();
        await Task.WhenAll(streams.Select(async stream =>
        {
            await world.DelayAsync(stream.Item3);
            var sender = new LinkSender(world, link, channels: stream.Item2, stream.Item1);
            await sender.RunAsync();
            ends.Add(sender.At);
        }));
        Assert.Equal(busyUntil, ends.Max());
    }));

    [Fact]
    public void Streams_that_always_send_are_within_a_chunk_of_each() =>
        Gen.Select(_chunks, Gen.Int[2, 8]).Array[2, 6].Sample(streams => Run(async (world, link) =>
    {
        var senders = streams.Select(stream => new LinkSender(world, link, channels: stream.Item2, stream.Item1)).ToList();
        foreach (var sender in senders)
            sender.HasSent = () =>
            {
                foreach (var other in senders.Where(other => !other.IsDraining && !sender.IsDraining))
                    Assert.InRange(Math.Abs(sender.Sent - other.Sent), 0, sender.Largest + other.Largest);
            };
        await Task.WhenAll(senders.Select(sender => sender.RunAsync()));
    }));

    [Fact]
    public void A_stream_that_leaves_frees_its_part_at_once() =>
        Gen.Select(_chunks, _chunks, Gen.Int[1, 10_000]).Sample((leaving, staying, at) => Run(async (world, link) =>
    {
        var (gone, other) = (new LinkSender(world, link, channels: 4, leaving), new LinkSender(world, link, channels: 4, staying));
        await Task.WhenAll(gone.RunAsync(), other.RunAsync(), LeaveAsync());
        Assert.InRange(other.At, staying.Sum(), staying.Sum() + gone.Sent + gone.Largest);
        Assert.InRange(gone.Sent, 0, at);

        async Task LeaveAsync()
        {
            await world.DelayAsync(at);
            gone.Leave();
        }
    }));

    [Fact]
    public void What_is_on_the_link_of_a_stream_that_leaves_goes_no_further() => Run(async (world, link) =>
    {
        var (gone, other) = (new LinkSender(world, link, channels: 1, [50_000]), new LinkSender(world, link, channels: 1, [1_000]));
        var both = Task.WhenAll(gone.RunAsync(), other.RunAsync());
        await world.DelayAsync(10_000);
        gone.Leave();
        await both;
        Assert.Equal((0, 11_000), (gone.Sent, other.At));
    });

    [Fact]
    public void A_stream_that_comes_later_has_half_from_then_on_and_no_more() => Run(async (world, link) =>
    {
        var (first, later) = (
            new LinkSender(world, link, channels: 2, Chunks(100, 1_000)), new LinkSender(world, link, channels: 2, Chunks(20, 1_000)));
        var running = first.RunAsync();
        await world.DelayAsync(50_500);
        await later.RunAsync();
        Assert.InRange(later.At, 89_000, 93_000);
        await running;
        Assert.Equal(120_000, first.At);
    });

    [Fact]
    public void A_stream_whose_process_dies_gives_its_place_up_within_a_second_before_anybody_says_so() => Run(async (world, link) =>
    {
        var (dead, other) = (new LinkSender(world, link, channels: 1, [50_000_000]), new LinkSender(world, link, channels: 1, [1_000]));
        var both = Task.WhenAll(dead.RunAsync(), other.RunAsync());
        dead.IsGivenUp = true;
        await both;
        Assert.Equal((0, 1_000), (dead.Sent, other.Sent));
        Assert.Equal(1_001_000, other.At);
    });

    [Fact]
    public void Timers_that_come_late_are_made_good() =>
        Gen.Select(Gen.ULong, Gen.Int[1, 5], Gen.Int[2, 6]).Sample((seed, count, channels) =>
    {
        var world = new TestWorld();
        var late = new LateWorld(world, seed, LateMax);
        world.Run(async () =>
        {
            var link = new LinkScheduler(late, BytesPerSecond);
            var senders = Enumerable.Range(0, count).Select(_ => new LinkSender(late, link, channels, Chunks(50, 9_000))).ToList();
            await Task.WhenAll(senders.Select(sender => sender.RunAsync()));

            // A stream that is alone has no chunk waiting while its channels are late together: only the lateness of timers is compensated.
            Assert.InRange(late.NowMicroseconds, count * 450_000, count * 450_000 + (2 * LateMax));
        });
    });

    [Fact]
    public void An_idle_link_has_saved_nothing_up() => Run(async (world, link) =>
    {
        await world.DelayAsync(500_000);
        var sender = new LinkSender(world, link, channels: 1, [1_000]);
        await sender.RunAsync();
        Assert.Equal(501_000, sender.At);
    });

    [Fact]
    public void An_urgent_page_waits_for_nobody_and_all_others_wait_for_it() =>
        Gen.Select(_chunks.Array[1, 6], Gen.Int[1, 5_000], Gen.Int[1, 300].Array[1, 4])
            .Sample((streams, at, urgent) => Run(async (world, link) =>
    {
        var share = new LinkShare();
        var senders = streams.Select(chunks => new LinkSender(world, link, channels: 4, chunks)).ToList();
        await Task.WhenAll(senders.Select(sender => sender.RunAsync()).Append(UrgentAsync()));
        var busy = streams.Sum(chunks => chunks.Sum());
        Assert.Equal(at < busy ? busy + urgent.Sum() : busy, senders.Max(sender => sender.At));

        async Task UrgentAsync()
        {
            await world.DelayAsync(at);
            var passing = urgent.Select(async bytes =>
            {
                Assert.True(await link.PassUrgentAsync(share, bytes, () => false));
                return world.NowMicroseconds;
            }).ToList();
            Assert.Equal(at + urgent.Sum(), (await Task.WhenAll(passing)).Max());
        }
    }));

    [Fact]
    public void Urgent_pages_come_out_of_their_own_streams_part() => Run(async (world, link) =>
    {
        var (asking, other) = (
            new LinkSender(world, link, channels: 2, Chunks(50, 1_000)), new LinkSender(world, link, channels: 2, Chunks(50, 1_000)));
        var both = Task.WhenAll(asking.RunAsync(), other.RunAsync());
        for (var page = 0; page < 10; page++) await link.PassUrgentAsync(asking.Share, 1_000, () => false);
        await both;

        // 10 of its 60 chunks went ahead; the other one's last leaves as if they had not.
        Assert.InRange(other.At, 97_000, 103_000);
        Assert.Equal(110_000, asking.At);
    });

    private static int[] Chunks(int count, int bytes) => [.. Enumerable.Repeat(bytes, count)];

    private static void Run(Func<TestWorld, LinkScheduler, Task> body)
    {
        var world = new TestWorld();
        world.Run(() => body(world, new LinkScheduler(world, BytesPerSecond)));
    }
}
