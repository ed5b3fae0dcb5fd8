using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Tests.Host;
using Livebed.Kvm.Tests.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Migration;

public class PageChannelsTests
{
    /// <summary>Else the destination is asked whether it lacks anything while the page is on its way, says that it does, and the migration
    /// pauses though the link is whole.</summary>
    [Fact]
    public void A_drain_waits_for_a_page_that_was_asked_for() => RunHeld(async (rig, channels, onTheWay) =>
    {
        var urgent = channels.SendUrgentAsync(rig.Op(), Header, OnePage).AsTask();
        var drained = channels.DrainAsync(rig.Op()).AsTask();
        Assert.False(drained.IsCompleted);
        onTheWay.SetResult();
        Assert.Equal((StreamStatus.Ok, StreamStatus.Ok), (await urgent, await drained));
        Assert.Equal(1, channels.NormalPages);
    });

    [Fact]
    public void A_page_that_was_asked_for_and_is_lost_breaks_the_channels() => RunHeld(async (rig, channels, onTheWay) =>
    {
        var urgent = channels.SendUrgentAsync(rig.Op(), Header with { Epoch = StreamRig.Epoch + 1 }, OnePage).AsTask();
        onTheWay.SetResult();
        Assert.Equal(StreamStatus.Refused, await urgent);
        Assert.Equal(StreamStatus.Refused, await channels.DrainAsync(rig.Op()));
    });

    /// <summary>Else vCPUs that ask one after the other keep the channels from ever being idle, and the migration that has lost its link
    /// neither pauses nor pushes.</summary>
    [Fact]
    public void Over_channels_that_have_broken_no_page_goes_until_they_have_recovered() => RunHeld(async (rig, channels, onTheWay) =>
    {
        onTheWay.SetResult();
        Assert.Equal(StreamStatus.Refused, await channels.SendUrgentAsync(rig.Op(), Header with { Epoch = StreamRig.Epoch + 1 }, OnePage));
        var sent = channels.Bytes;
        Assert.Equal(StreamStatus.Refused, await channels.SendUrgentAsync(rig.Op(), Header, OnePage));
        Assert.Equal(sent, channels.Bytes);
        channels.Recover();
        Assert.Equal(StreamStatus.Ok, await channels.SendUrgentAsync(rig.Op(), Header, OnePage));
        Assert.True(channels.Bytes > sent);
    });

    /// <summary>A batch takes 8 ms on the link, and its answer 20 ms more. A sender that waits for each answer leaves the link empty for
    /// most of the time: a guest that dirties three quarters of what the link carries never gets over.</summary>
    [Theory]
    [InlineData(1, 1, 0.28, 0.29)]
    [InlineData(2, 1, 0.55, 0.58)]
    [InlineData(1, 2, 0.55, 0.58)]
    [InlineData(1, 4, 0.9, 1)]
    public void A_link_is_used_as_far_as_the_windows_reach(int channels, int window, double least, double most)
    {
        const int PagesOfBatch = 2;
        const int BatchMicroseconds = 8_000;
        const int AnswerMicroseconds = 20_000;
        const int Batches = 2 * HostRig.RamPages / PagesOfBatch;
        var bytes = PageChunk.HeaderBytes + PagesOfBatch * (sizeof(long) + HostRig.PageSize);
        var world = new TestWorld();
        var rig = new StreamRig(world);
        world.Run(async () =>
        {
            await rig.OpenAsync(bytes * 1_000_000L / BatchMicroseconds);
            for (var page = 0; page < HostRig.RamPages; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 5);
            var (under, mostUnder) = (0, 0);
            rig.OnTheWay = async chunk =>
            {
                mostUnder = Math.Max(mostUnder, ++under);
                await world.DelayAsync(AnswerMicroseconds);
                under--;
                return chunk;
            };
            var sender = new PageChannels(world, rig.From, new OperationIds(origin: 9), channels, window);
            var begun = world.NowMicroseconds;
            for (var batch = 0; batch < Batches; batch++)
            {
                var first = HostRig.Ram + batch * PagesOfBatch % HostRig.RamPages;
                await sender.SendAsync(rig.Op(), Header, PageSet.All(new HvaRange(first, PagesOfBatch)));
            }

            Assert.Equal(StreamStatus.Ok, await sender.DrainAsync(rig.Op()));
            Assert.InRange((double)Batches * BatchMicroseconds / (world.NowMicroseconds - begun), least, most);
            Assert.InRange(mostUnder, 1, channels * window);
            Assert.Equal(Batches * PagesOfBatch, sender.NormalPages);
        });
        rig.AssertNothingWrong();
    }

    private static ChunkHeader Header => new(StreamRig.Stream, StreamRig.Epoch, 0, 0, StreamPhase.Precopy);

    private static PageSet OnePage => PageSet.All(new HvaRange(HostRig.Ram, 1));

    /// <summary>With chunks that arrive when the test says so.</summary>
    private static void RunHeld(Func<StreamRig, PageChannels, TaskCompletionSource, Task> body) => StreamRig.Run(async rig =>
    {
        var onTheWay = new TaskCompletionSource();
        rig.OnTheWay = async chunk =>
        {
            await onTheWay.Task;
            return chunk;
        };
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await body(rig, new PageChannels(rig.World, rig.From, new OperationIds(origin: 9), count: 2), onTheWay);
    });
}
