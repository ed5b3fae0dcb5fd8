using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host.Streams;

public class OutgoingStreamTests
{
    [Fact]
    public void Pages_arrive_as_they_are_and_of_zero_pages_only_the_entry_travels() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await rig.Source.WriteAsync(HostRig.Ram + 1, 0);
        await rig.Source.WriteAsync(HostRig.Ram + 3, 6);
        await rig.Source.TouchAsync(HostRig.Ram + 4, write: false);

        var sent = await rig.SendAsync(HostRig.Ram, 8);

        Assert.Equal(new SendResult(StreamStatus.Ok, 2, 6, 64 + 8 * 8 + 2 * HostRig.PageSize), sent);
        await rig.AssertEqualImagesAsync();
        Assert.Equal(2, rig.Destination.Host.Usage.Frames);
        Assert.Equal(6UL, rig.Destination.FirstWord(rig.Destination.PteAt(HostRig.Ram + 3).Pfn));
    });

    [Fact]
    public void Only_the_pages_of_the_batch_are_sent() => StreamRig.Run(async rig =>
    {
        for (var page = 0; page < 6; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 9);
        var sent = await rig.SendAsync(PageSet.FromWords(new HvaRange(HostRig.Ram, 6), [0b101001]));
        Assert.Equal((3, 0), (sent.Normal, sent.Duplicate));
        Assert.Equal(
            [true, false, false, true, false, true],
            Enumerable.Range(0, 6).Select(page => rig.Destination.PteAt(HostRig.Ram + page).IsPresent));
    });

    [Fact]
    public void A_page_in_swap_is_faulted_in_to_be_sent_and_one_never_touched_is_not_mapped_for_it() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await rig.Source.RunAsync(HostEventKind.Reclaim, HostRig.Ram, 1);
        Assert.Equal(1, (await rig.SendAsync(HostRig.Ram, 2)).Normal);
        Assert.True(rig.Source.PteAt(HostRig.Ram).IsPresent);
        Assert.True(rig.Source.PteAt(HostRig.Ram + 1).IsNone);
        await rig.AssertEqualImagesAsync();
    });

    [Fact]
    public void A_PTE_that_is_empty_for_a_moment_is_waited_for_and_not_taken_for_zeroes() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        var mm = rig.Source.Mm;
        var op = rig.Op(HostEventKind.KsmScan);
        var (vma, pte) = (mm.Find(HostRig.Ram)!, rig.Source.PteAt(HostRig.Ram));
        var range = await mm.Ranges.StartAsync(op, new HvaRange(HostRig.Ram, 1), Kvm.Host.MmuNotifierEvent.Clear);
        await mm.PageTableLock.AcquireAsync(op);
        mm.SetPte(op, vma, HostRig.Ram, Pte.None);

        var sending = rig.SendAsync(HostRig.Ram, 1);
        Assert.False(sending.IsCompleted);
        mm.SetPte(op, vma, HostRig.Ram, pte);
        mm.PageTableLock.Release(op);
        await mm.Ranges.EndAsync(op, range);

        Assert.Equal(1, (await sending).Normal);
        await rig.AssertEqualImagesAsync();
    });

    [Fact]
    public void What_was_sent_is_the_last_copy_and_a_later_write_is_not_in_it() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await rig.Source.WriteAsync(HostRig.Ram + 1, 5);
        Assert.Equal(
            [HostRig.Ram, HostRig.Ram + 1],
            await rig.Source.Host.Process(0).ChangedSinceCopyAsync(rig.Source.Op(), new PageSet(StreamRig.Ram)));
        await rig.SendAsync(HostRig.Ram, 2);
        Assert.Empty(await rig.Source.Host.Process(0).ChangedSinceCopyAsync(rig.Source.Op(), new PageSet(StreamRig.Ram)));
        await rig.Source.WriteAsync(HostRig.Ram + 1, 6);
        Assert.Equal(
            [HostRig.Ram + 1], await rig.Source.Host.Process(0).ChangedSinceCopyAsync(rig.Source.Op(), new PageSet(StreamRig.Ram)));
    });

    [Fact]
    public void A_guest_writes_between_two_pages_of_a_batch_and_the_write_is_known_as_not_copied()
    {
        var changed = 0;
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var world = new TestWorld(seed);
            var rig = new StreamRig(world);
            world.Run(async () =>
            {
                await rig.OpenAsync();
                for (var page = 0; page < 4; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 1);
                var sending = rig.SendAsync(HostRig.Ram, 4);
                for (var page = 0; page < 4; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 2);
                await sending;
                var dirty = await rig.Source.Host.Process(0).ChangedSinceCopyAsync(rig.Source.Op(), new PageSet(StreamRig.Ram));
                changed += dirty.Count;
                var (sent, arrived) = (
                    await rig.From.ImageAsync(rig.Op(), StreamRig.Ram), await rig.To.ImageAsync(rig.Op(), StreamRig.Ram));
                for (var page = 0; page < 4; page++) Assert.Equal(dirty.Contains(HostRig.Ram + page), sent[page] != arrived[page]);
            });
            rig.AssertNothingWrong();
        }

        Assert.InRange(changed, 1, 79);
    }

    [Fact]
    public void A_stream_that_is_unknown_closed_or_of_a_dead_process_refuses() => StreamRig.Run(async rig =>
    {
        Assert.Equal(StreamStatus.Ok, (await rig.SendAsync(HostRig.Ram, 1)).Status);
        var other = new ChunkHeader(StreamRig.Stream + 1, StreamRig.Epoch, 0, 0, StreamPhase.Precopy);
        Assert.Equal(
            StreamStatus.Refused, (await rig.From.SendAsync(rig.Op(), other, StreamRig.AllPages)).Status);
        await rig.From.CloseStreamAsync(rig.Op(), StreamRig.Stream);
        Assert.Equal(StreamStatus.Refused, (await rig.SendAsync(HostRig.Ram, 1)).Status);

        await rig.From.OpenStreamAsync(rig.Op(), StreamRig.Stream, "host-1", 0, new StreamBandwidth(0));
        await rig.Source.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit));
        Assert.Equal(StreamStatus.Refused, (await rig.SendAsync(HostRig.Ram, 1)).Status);
        Assert.Equal(0, await rig.From.PagesHeldAsync(rig.Op()));
    });

    [Fact]
    public void A_process_that_dies_under_a_batch_has_sent_no_zeroes_instead_of_its_pages()
    {
        for (ulong seed = 1; seed <= 30; seed++)
        {
            var world = new TestWorld(seed);
            var rig = new StreamRig(world);
            world.Run(async () =>
            {
                await rig.OpenAsync();
                for (var page = 0; page < 8; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 1);
                var sending = rig.SendAsync(HostRig.Ram, 8);
                await rig.Source.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit));
                var sent = await sending;
                Assert.Equal(sent.Status == StreamStatus.Ok ? (8, 0) : (0, 0), (sent.Normal, sent.Duplicate));
            });
            rig.AssertNothingWrong();
            Assert.Equal(default, rig.Source.Host.Usage);
        }
    }

    [Fact]
    public void Discards_are_noted_while_a_stream_is_open_and_taken_once() => StreamRig.Run(async rig =>
    {
        for (var page = 0; page < 6; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 1);
        await rig.Source.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 2);
        await rig.Source.RunAsync(HostEventKind.Unmap, HostRig.Ram + 4, 1);
        await rig.Source.RunAsync(HostEventKind.Reclaim, HostRig.Ram + 3, 1);
        await rig.Source.RunAsync(HostEventKind.PageMigration, HostRig.Ram + 2, 1);
        await rig.Source.RunAsync(HostEventKind.Fork, HostRig.Ram + 5, 1);
        await rig.Source.WriteAsync(HostRig.Ram + 5, 2);

        var taken = await rig.From.TakeDiscardedAsync(rig.Op(), new HvaRange(HostRig.Ram + 1, 20));
        Assert.Equal([HostRig.Ram + 1, HostRig.Ram + 4], taken);
        Assert.Equal([HostRig.Ram], await rig.From.TakeDiscardedAsync(rig.Op(), StreamRig.Ram));

        await rig.From.CloseStreamAsync(rig.Op(), StreamRig.Stream);
        await rig.Source.RunAsync(HostEventKind.DontNeed, HostRig.Ram + 2, 1);
        await rig.From.OpenStreamAsync(rig.Op(), StreamRig.Stream, "host-1", 0, new StreamBandwidth(0));
        Assert.Empty(await rig.From.TakeDiscardedAsync(rig.Op(), StreamRig.Ram));
    });

    [Fact]
    public void Closing_waits_for_the_answer_that_is_due_and_then_refuses() => StreamRig.Run(async rig =>
    {
        var gate = new TaskCompletionSource();
        rig.OnTheWay = async chunk =>
        {
            await gate.Task;
            return chunk;
        };
        var sending = rig.SendAsync(HostRig.Ram, 4);
        var closing = rig.From.CloseStreamAsync(rig.Op(), StreamRig.Stream).AsTask();
        Assert.False(closing.IsCompleted);
        Assert.Contains(rig.Source.Host.Locks.Waits(), wait => wait.LockClass == "migration_stream");
        gate.SetResult();
        await closing;
        Assert.Equal(StreamStatus.Ok, (await sending).Status);
        Assert.Empty(rig.Source.Host.Locks.Waits());
    });

    [Fact]
    public void Buffers_go_back_when_the_link_throws_too() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 1);
        rig.OnTheWay = _ => throw new IOException("cut");
        await Assert.ThrowsAsync<IOException>(() => rig.SendAsync(HostRig.Ram, 4));
        Assert.Equal((1, 0), (rig.Pool.Rents, rig.Pool.Lent));
    });

    [Fact]
    public void A_batch_over_the_edge_of_an_area_or_too_large_is_bad_input() => StreamRig.Run(async rig =>
    {
        await Assert.ThrowsAsync<ArgumentException>(() => rig.SendAsync(HostRig.Ram + (HostRig.RamPages - 1), 2));
        await Assert.ThrowsAsync<ArgumentException>(() => rig.SendAsync(new Hva(1), 1));
        Assert.Equal(0, rig.Pool.Rents);
    });

    [Fact]
    public void A_batch_costs_little_memory_beside_its_borrowed_buffers() => StreamRig.Run(async rig =>
    {
        for (var page = 0; page < 32; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 1);
        rig.Source.Host.Streams.ContentPool = System.Buffers.ArrayPool<byte>.Shared;
        for (var warm = 0; warm < 50; warm++) await rig.From.SendAsync(rig.Op(), Header, StreamRig.AllPages);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) await rig.From.SendAsync(rig.Op(), Header, StreamRig.AllPages);
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 100, 0, 4096);
    });

    private static ChunkHeader Header => new(StreamRig.Stream, StreamRig.Epoch, 0, 1, StreamPhase.Precopy);
}
