using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Host.Streams;

namespace Livebed.Kvm.Tests.Host.Streams;

public class IncomingPagesTests
{
    [Fact]
    public void A_corrupt_chunk_stores_nothing() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await rig.Source.WriteAsync(HostRig.Ram + 1, 6);
        rig.OnTheWay = chunk =>
        {
            var content = chunk.Content.ToArray();
            content[^1] ^= 1;
            return ValueTask.FromResult(chunk with { Content = content });
        };
        Assert.Equal(StreamStatus.Corrupt, (await rig.SendAsync(HostRig.Ram, 2)).Status);
        rig.OnTheWay = chunk => ValueTask.FromResult(chunk with { Pages = new[] { chunk.Pages.Span[0] + 2, chunk.Pages.Span[1] + 2 } });
        Assert.Equal(StreamStatus.Corrupt, (await rig.SendAsync(HostRig.Ram, 2)).Status);
        rig.OnTheWay = chunk =>
            ValueTask.FromResult(
                chunk with { Content = chunk.Content[1..], Checksum = PageChunk.ChecksumOf(chunk.Pages.Span, chunk.Content.Span[1..]) });
        Assert.Equal(StreamStatus.Corrupt, (await rig.SendAsync(HostRig.Ram, 2)).Status);
        Assert.Equal(0, rig.Destination.Host.Usage.Frames);
    });

    [Fact]
    public void A_chunk_of_another_stream_or_epoch_or_for_nobody_is_refused() => StreamRig.Run(async rig =>
    {
        foreach (var header in (ChunkHeader[])
        [
            new(StreamRig.Stream + 1, StreamRig.Epoch, 0, 0, StreamPhase.Precopy),
            new(StreamRig.Stream, StreamRig.Epoch - 1, 0, 0, StreamPhase.Precopy),
            new(StreamRig.Stream, StreamRig.Epoch, 0, 0, StreamPhase.Postcopy),
        ])
        {
            rig.OnTheWay = chunk => ValueTask.FromResult(chunk with { Header = header });
            Assert.Equal(StreamStatus.Refused, (await rig.SendAsync(HostRig.Ram, 1)).Status);
        }

        rig.OnTheWay = ValueTask.FromResult;
        await rig.To.BeginIncomingAsync(rig.Op(), 1, StreamRig.Epoch - 1);
        Assert.Equal(StreamStatus.Ok, (await rig.SendAsync(HostRig.Ram, 1)).Status);
        await rig.To.EndIncomingAsync(rig.Op(), StreamRig.Stream);
        Assert.Equal(StreamStatus.Refused, (await rig.SendAsync(HostRig.Ram, 1)).Status);
        Assert.Equal(StreamStatus.Refused, await rig.Destination.Host.Process(99).ReceiveAsync(rig.Op(), default, isIntact: true));
    });

    [Fact]
    public void Later_rounds_overwrite_shared_swapped_hinted_and_moved_pages() => StreamRig.Run(async rig =>
    {
        for (var page = 0; page < 8; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 1);
        await rig.SendAsync(HostRig.Ram, 8);
        var destination = rig.Destination;
        await destination.ScanAsync(64);
        await destination.ScanAsync(64);
        Assert.True(destination.PteAt(HostRig.Ram).IsKsm);
        await rig.SendAsync(HostRig.Ram + 4, 4);
        for (var page = 4; page < 8; page++) await rig.Source.WriteAsync(HostRig.Ram + page, (ulong)page);
        await rig.SendAsync(HostRig.Ram + 4, 4);
        await destination.RunAsync(HostEventKind.Reclaim, HostRig.Ram + 4, 1);
        await destination.RunAsync(HostEventKind.NumaBalancing, HostRig.Ram + 5, 1);
        await destination.RunAsync(HostEventKind.Mprotect, HostRig.Ram + 6, 1);

        for (var page = 0; page < 8; page++) await rig.Source.WriteAsync(HostRig.Ram + page, (ulong)(10 + page));
        await rig.Source.RunAsync(HostEventKind.DontNeed, HostRig.Ram + 2, 1);
        var sent = await rig.SendAsync(HostRig.Ram, 8);

        Assert.Equal((StreamStatus.Ok, 7, 1), (sent.Status, sent.Normal, sent.Duplicate));
        await rig.AssertEqualImagesAsync();
    });

    [Fact]
    public void A_page_waits_for_the_migration_of_the_frame_that_it_goes_to() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 1);
        await rig.SendAsync(HostRig.Ram, 1);
        await rig.Source.WriteAsync(HostRig.Ram, 2);
        var vm = new RecordingSubscriber();
        Assert.True(await rig.Destination.Host.Process(0).RegisterNotifierAsync(rig.Op(), vm));
        Task<SendResult>? sending = null;
        vm.OnEnd = _ =>
        {
            sending ??= rig.SendAsync(HostRig.Ram, 1);
            Assert.False(sending.IsCompleted);
        };
        await rig.Destination.RunAsync(HostEventKind.PageMigration, HostRig.Ram, 1);
        Assert.Equal(StreamStatus.Ok, (await sending!).Status);
        await rig.AssertEqualImagesAsync();
    });

    [Fact]
    public void A_destination_without_memory_says_so() => StreamRig.Run(destinationFrames: 2, body: async rig =>
    {
        for (var page = 0; page < 3; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 1);
        Assert.Equal(StreamStatus.NoMemory, (await rig.SendAsync(HostRig.Ram, 3)).Status);
        Assert.Equal(2, await rig.To.PagesHeldAsync(rig.Op()));
    });

    [Fact]
    public void Guest_memory_is_not_discarded_while_pages_come_in() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 1);
        await rig.SendAsync(HostRig.Ram, 1);
        foreach (var kind in (HostEventKind[])[HostEventKind.DontNeed, HostEventKind.Unmap, HostEventKind.OomReap])
        {
            Assert.Equal(HostEventResult.Refused, await rig.Destination.RunAsync(kind, HostRig.Ram, 1));
            Assert.NotEqual(HostEventStatus.Refused, (await rig.Destination.RunAsync(kind, HostRig.Scratch, 1)).Status);
        }

        await rig.AssertEqualImagesAsync();
        Assert.Equal(HostEventStatus.Done, (await rig.Destination.RunAsync(HostEventKind.Reclaim, HostRig.Ram, 1)).Status);
        await rig.To.EndIncomingAsync(rig.Op(), StreamRig.Stream);
        Assert.Equal(HostEventStatus.Done, (await rig.Destination.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 1)).Status);
    });

    [Fact]
    public void The_oracle_goes_on_at_the_destination_from_a_clean_slate() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await rig.SendAsync(HostRig.Ram, 4);
        await rig.Destination.WriteAsync(HostRig.Ram + 1, 0);
        await rig.MoveOracleAsync();
        await rig.To.EndIncomingAsync(rig.Op(), StreamRig.Stream);

        Assert.Empty(await rig.Destination.Host.Process(0).ChangedSinceCopyAsync(rig.Destination.Op(), new PageSet(StreamRig.Ram)));
        for (var page = 0; page < 4; page++) await rig.Destination.ReadAsync(HostRig.Ram + page);
        await rig.Destination.WriteAsync(HostRig.Ram, 6);
        Assert.Equal(
            [HostRig.Ram], await rig.Destination.Host.Process(0).ChangedSinceCopyAsync(rig.Destination.Op(), new PageSet(StreamRig.Ram)));
    });

    [Fact]
    public void The_image_sees_a_page_wherever_it_is_and_the_count_counts_it() => StreamRig.Run(async rig =>
    {
        var source = rig.Source;
        await source.WriteAsync(HostRig.Ram, 5);
        await source.WriteAsync(HostRig.Ram + 1, 6);
        await source.TouchAsync(HostRig.Ram + 2, write: false);
        var before = await rig.From.ImageAsync(rig.Op(), StreamRig.Ram);
        Assert.Equal(before[2], before[3]);
        Assert.Equal(3, before.Distinct().Count());
        var vm = new RecordingSubscriber();
        Assert.True(await source.Host.Process(0).RegisterNotifierAsync(rig.Op(), vm));
        Task<ulong[]>? during = null;
        vm.OnEnd = _ => during ??= rig.From.ImageAsync(rig.Op(), StreamRig.Ram).AsTask();
        await source.RunAsync(HostEventKind.PageMigration, HostRig.Ram + 1, 1);
        await source.RunAsync(HostEventKind.Reclaim, HostRig.Ram, 1);

        Assert.Equal(before, await during!);
        Assert.Equal(before, await rig.From.ImageAsync(rig.Op(), StreamRig.Ram));
        Assert.True(source.PteAt(HostRig.Ram).IsSwap);
        Assert.Equal(2, await rig.From.PagesHeldAsync(rig.Op()));
    });
}
