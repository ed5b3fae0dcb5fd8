using Livebed.Kvm.Host;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host.Streams;

/// <summary>What a migration may take, and what its link leaves it.</summary>
public class StreamShaperTests
{
    private static readonly ChunkHeader _round = new(1, 1, 0, 0, StreamPhase.Precopy);
    private static readonly ChunkHeader _push = _round with { Phase = StreamPhase.Postcopy };
    private static readonly ChunkHeader _urgent = _push with { Channel = ChunkHeader.UrgentChannel };

    [Theory]
    [InlineData(1_000, 3_000, 1_000)]
    [InlineData(3_000, 1_000, 1_000)]
    [InlineData(1_000, 1_000, 1_000)]
    [InlineData(0, 1_000, 1_000)]
    [InlineData(1_000, 0, 1_000)]
    public void Alone_a_stream_has_the_less_of_both(long own, long link, long expected)
    {
        var world = new TestWorld();
        world.Run(async () =>
        {
            await SendAsync(world, new StreamShaper(world, new StreamBandwidth(own), LinkOf(world, link)), _round, chunks: 40);
            Assert.InRange(world.NowMicroseconds, 4_000 * 1_000_000L / expected, 4_100 * 1_000_000L / expected);
        });
    }

    [Fact]
    public void What_a_stream_does_not_take_of_its_part_the_other_has()
    {
        var world = new TestWorld();
        world.Run(async () =>
        {
            var link = LinkOf(world, 1_000);
            var modest = SendAsync(world, new StreamShaper(world, new StreamBandwidth(250), link), _round, chunks: 10);
            var greedy = SendAsync(world, new StreamShaper(world, new StreamBandwidth(2_000), link), _round, chunks: 30);

            // In 4 s, 1000 and 3000 bytes.
            Assert.InRange(await modest, 3_900_000, 4_100_000);
            Assert.InRange(await greedy, 3_900_000, 4_100_000);
        });
    }

    [Fact]
    public void A_slow_stream_does_not_fill_the_link_in_advance()
    {
        var world = new TestWorld();
        world.Run(async () =>
        {
            var link = LinkOf(world, 1_000);
            var slow = new StreamShaper(world, new StreamBandwidth(100), link);
            var channels = Enumerable.Range(0, 16).Select(_ => slow.PassAsync(Operation, _round, 100, () => false).AsTask()).ToList();

            // 1000 bytes, and one or two chunks of the slow one.
            Assert.InRange(
                await SendAsync(world, new StreamShaper(world, new StreamBandwidth(0), link), _round, chunks: 10), 1_100_000, 1_200_000);
            await Task.WhenAll(channels);
            Assert.Equal(16_000_000, world.NowMicroseconds);
        });
    }

    [Fact]
    public void The_push_of_postcopy_has_a_bound_of_its_own_which_holds_for_no_page_that_is_asked_for()
    {
        var world = new TestWorld();
        world.Run(async () =>
        {
            var shaper = new StreamShaper(world, new StreamBandwidth(10_000, MaxPostcopy: 1_000), LinkOf(world, 20_000));
            await SendAsync(world, shaper, _round, chunks: 100);
            Assert.InRange(world.NowMicroseconds, 1_000_000, 1_010_000);
            var began = world.NowMicroseconds;
            var pushing = SendAsync(world, shaper, _push, chunks: 20);
            await world.DelayAsync(150_000);
            Assert.True(await shaper.PassAsync(Operation, _urgent, 100, () => false));

            // Its 100 bytes at 10 000 a second, and on the link at 20 000.
            Assert.InRange(world.NowMicroseconds - began, 165_000, 165_010);
            Assert.InRange(await pushing - began, 2_000_000, 2_020_000);
        });
    }

    [Fact]
    public void A_page_that_is_asked_for_does_not_wait_behind_the_push_nor_behind_other_migrations()
    {
        var world = new TestWorld();
        world.Run(async () =>
        {
            var link = LinkOf(world, 1_000);
            var shaper = new StreamShaper(world, new StreamBandwidth(1_000), link);
            var busy = Enumerable.Range(0, 10)
                .Select(_ => SendAsync(world, new StreamShaper(world, new StreamBandwidth(0), link), _round, chunks: 20)).ToList();
            busy.Add(SendAsync(world, shaper, _push, chunks: 20));
            await world.DelayAsync(2_030_000);
            Assert.True(await shaper.PassAsync(Operation, _urgent, 10, () => false));
            Assert.Equal(2_050_000, world.NowMicroseconds);
            Assert.InRange((await Task.WhenAll(busy)).Max(), 22_010_000, 22_010_010);
        });
    }

    [Fact]
    public void Streams_of_a_host_share_the_link_to_the_same_host_and_no_other()
    {
        var world = new TestWorld();
        var rig = new HostRig(world);
        var (wire, ends) = (new Sink(), new Dictionary<long, long>());
        rig.Host.Streams.LinkBandwidth = 100_000;
        world.Run(async () =>
        {
            for (var page = 0; page < HostRig.RamPages; page++) await rig.WriteAsync(HostRig.Ram + page, 1);
            var port = rig.Host.Process(0, (_, _) => wire);
            await Task.WhenAll(SendAsync(port, 1, "host-1"), SendAsync(port, 2, "host-1"), SendAsync(port, 3, "host-2"));
            await port.CloseStreamAsync(rig.Op(), 1);
        });
        Assert.InRange(ends[3], wire.Bytes / 3 * 10, wire.Bytes / 3 * 10 + 10);
        Assert.InRange(Math.Max(ends[1], ends[2]), 2 * ends[3] - 10, 2 * ends[3] + 10);

        async Task SendAsync(HostProcess port, long stream, string destination)
        {
            await port.OpenStreamAsync(rig.Op(), stream, destination, 0, new StreamBandwidth(0));
            for (var i = 0; i < 10; i++)
                Assert.Equal(StreamStatus.Ok, (await port.SendAsync(
                    rig.Op(), new ChunkHeader(stream, 1, 0, 0, StreamPhase.Precopy),
                    PageSet.All(new HvaRange(HostRig.Ram, 8)))).Status);
            ends[stream] = world.NowMicroseconds;
        }
    }

    [Fact]
    public void Closing_a_stream_does_not_wait_for_others_on_its_link()
    {
        var world = new TestWorld();
        var rig = new StreamRig(world);
        rig.Source.Host.Streams.LinkBandwidth = 1;
        world.Run(async () =>
        {
            await rig.OpenAsync();
            const long other = StreamRig.Stream + 1;
            await rig.From.OpenStreamAsync(rig.Op(), other, "host-1", 0, new StreamBandwidth(0));
            var ahead = rig.SendAsync(HostRig.Ram, 8);
            var waiting = rig.From.SendAsync(
                rig.Op(), new ChunkHeader(other, StreamRig.Epoch, 0, 0, StreamPhase.Precopy),
                StreamRig.AllPages).AsTask();
            await rig.From.CloseStreamAsync(rig.Op(), other);
            Assert.Equal(StreamStatus.Refused, (await waiting).Status);
            Assert.Equal(0, world.NowMicroseconds);
            await rig.From.CloseStreamAsync(rig.Op(), StreamRig.Stream);
            Assert.Equal(StreamStatus.Refused, (await ahead).Status);
        });
        Assert.Empty(rig.Delivered);
        rig.AssertNothingWrong();
    }

    private static Operation Operation => new(new OperationId(1), OperationKind.MigrationPages);

    private static LinkScheduler? LinkOf(IWorld world, long bytesPerSecond) =>
        bytesPerSecond == 0 ? null : new LinkScheduler(world, bytesPerSecond);

    /// <summary>Chunks of 100 bytes on two channels; returns when the last has left.</summary>
    private static async Task<long> SendAsync(TestWorld world, StreamShaper shaper, ChunkHeader header, int chunks)
    {
        await Task.WhenAll(ChannelAsync(), ChannelAsync());
        return world.NowMicroseconds;

        async Task ChannelAsync()
        {
            while (chunks-- > 0) Assert.True(await shaper.PassAsync(Operation, header, 100, () => false));
        }
    }

    /// <summary>Another host that takes everything.</summary>
    private sealed class Sink : IPageLink
    {
        public long Bytes { get; private set; }

        public ValueTask<StreamStatus> DeliverAsync(Operation op, PageChunk chunk)
        {
            Bytes += chunk.WireBytes;
            return ValueTask.FromResult(StreamStatus.Ok);
        }
    }
}
