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
