using CsCheck;
using Livebed.Kvm.Host.Streams;

namespace Livebed.Kvm.Tests.Host.Streams;

public class StreamRateLimiterTests
{
    [Fact]
    public void Bytes_take_their_time_on_the_link_one_after_the_other_over_all_channels() => Run(async world =>
    {
        var shaper = new StreamRateLimiter(world, bytesPerSecond: 1_000);
        var first = PassAsync(100);
        var second = PassAsync(50);
        Assert.Equal(150_000, await second);
        Assert.Equal(100_000, await first);

        async Task<long> PassAsync(long bytes)
        {
            Assert.True(await shaper.PassAsync(bytes, () => false));
            return world.NowMicroseconds;
        }
    });

    [Fact]
    public void An_idle_link_has_saved_nothing_up() => Run(async world =>
    {
        var shaper = new StreamRateLimiter(world, bytesPerSecond: 1_000);
        await world.DelayAsync(500_000);
        await shaper.PassAsync(100, () => false);
        Assert.Equal(600_000, world.NowMicroseconds);
    });

    [Fact]
    public void Urgent_bytes_take_their_time_at_once_and_put_off_what_has_not_left() => Run(async world =>
    {
        var shaper = new StreamRateLimiter(world, bytesPerSecond: 1_000);
        var first = PassAsync(100, isUrgent: false);
        var second = PassAsync(100, isUrgent: false);
        await world.DelayAsync(30_000);
        var urgent = PassAsync(10, isUrgent: true);
        var next = PassAsync(5, isUrgent: true);
        Assert.Equal((40_000, 45_000), (await urgent, await next));
        Assert.Equal((115_000, 215_000), (await first, await second));

        // Of what went ahead nothing is owed.
        Assert.Equal(225_000, await PassAsync(10, isUrgent: false));

        async Task<long> PassAsync(long bytes, bool isUrgent)
        {
            Assert.True(await (isUrgent ? shaper.PassUrgentAsync(bytes, () => false) : shaper.PassAsync(bytes, () => false)));
            return world.NowMicroseconds;
        }
    });

    [Fact]
    public void Without_a_limit_no_time_passes() => Run(async world =>
    {
        Assert.True(await new StreamRateLimiter(world, 0).PassAsync(long.MaxValue, () => false));
        Assert.True(await new StreamRateLimiter(world, 0).PassUrgentAsync(long.MaxValue, () => false));
        Assert.Equal(0, world.NowMicroseconds);
    });

    [Fact]
    public void Who_waits_for_the_link_gives_up_within_a_second_when_told_to() => Run(async world =>
    {
        Assert.False(await new StreamRateLimiter(world, 1).PassAsync(1_000_000, () => world.NowMicroseconds >= 2_500_000));
        Assert.Equal(3_000_000, world.NowMicroseconds);
    });

    [Fact]
    public void A_stream_of_many_batches_has_the_bandwidth_that_it_was_given()
    {
        var world = new TestWorld();
        var rig = new StreamRig(world);
        world.Run(async () =>
        {
            await rig.OpenAsync(bytesPerSecond: 100_000);
            var bytes = 0L;
            for (var page = 0; page < 32; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 1);
            for (var i = 0; i < 50; i++) bytes += (await rig.SendAsync(HostRig.Ram, 7)).Bytes;
            Assert.InRange(world.NowMicroseconds, bytes * 10, bytes * 10 + 50);
        });
        rig.AssertNothingWrong();
    }

    [Fact]
    public void Timers_that_come_late_are_made_good() => Gen.ULong.Sample(seed =>
    {
        var world = new TestWorld();
        var late = new LateWorld(world, seed, lateMicrosecondsMax: 15_000);
        world.Run(async () =>
        {
            var shaper = new StreamRateLimiter(late, bytesPerSecond: 1_000_000);
            await Task.WhenAll(ChannelAsync(), ChannelAsync());
            Assert.InRange(late.NowMicroseconds, 450_000, 480_000);

            async Task ChannelAsync()
            {
                for (var i = 0; i < 25; i++) Assert.True(await shaper.PassAsync(9_000, () => false));
            }
        });
    });

    [Fact]
    public void Closing_a_stream_does_not_wait_for_its_slow_link()
    {
        var world = new TestWorld();
        var rig = new StreamRig(world);
        world.Run(async () =>
        {
            await rig.OpenAsync(bytesPerSecond: 1);
            var sending = rig.SendAsync(HostRig.Ram, 8);
            await rig.From.CloseStreamAsync(rig.Op(), StreamRig.Stream);
            Assert.Equal(StreamStatus.Refused, (await sending).Status);
            Assert.InRange(world.NowMicroseconds, 0, 1_000_000);
        });
        Assert.Empty(rig.Delivered);
        rig.AssertNothingWrong();
    }

    private static void Run(Func<TestWorld, Task> body)
    {
        var world = new TestWorld();
        world.Run(() => body(world));
    }
}
