using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host.Streams;

public class PostcopyTests
{
    [Fact]
    public void Missing_is_what_is_discarded_and_what_never_came_and_nothing_else() => StreamRig.Run(async rig =>
    {
        for (var page = 0; page < 6; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 1);
        await rig.SendAsync(HostRig.Ram, 6);
        var vm = new RecordingSubscriber();
        Assert.True(await rig.Destination.Host.Process(0).RegisterNotifierAsync(rig.Op(), vm));

        var missing = await EnterAsync(rig, PageSet.FromWords(new HvaRange(HostRig.Ram, 8), [0b1001]), new FaultRequests());

        Assert.Equal(4, missing);
        Assert.Equal([0, 3, 6, 7], (await rig.To.MissingAsync(rig.Op(), StreamRig.Ram)).Select(hva => hva - HostRig.Ram));
        Assert.Equal([HostRig.Ram + 6, HostRig.Ram + 7], await rig.To.MissingAsync(rig.Op(), new HvaRange(HostRig.Ram + 5, 3)));
        Assert.Equal(
            [false, true, true, false, true, true, false],
            Enumerable.Range(0, 7).Select(page => rig.Destination.PteAt(HostRig.Ram + page).IsPresent));
        Assert.Equal(
            ["start 100+1 Clear", "end 100+1 Clear", "start 103+1 Clear", "end 103+1 Clear", "start 106+2 Clear", "end 106+2 Clear"],
            vm.Log);
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_fault_on_a_missing_page_waits_without_a_lock_and_is_woken_by_the_page(bool write) => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        var requests = new FaultRequests();
        await EnterAsync(rig, new PageSet(StreamRig.Ram), requests);
        await rig.MoveOracleAsync();

        var first = rig.Destination.TouchAsync(HostRig.Ram, write);
        var second = rig.Destination.TouchAsync(HostRig.Ram, write: false);
        Assert.False(first.IsCompleted || second.IsCompleted);
        Assert.Equal([HostRig.Ram], requests.Asked);
        var waits = rig.Destination.Host.Locks.Waits();
        Assert.All(waits, wait => Assert.Equal("userfaultfd", wait.LockClass));
        Assert.Equal(2, waits.Count);

        // A writer of mmap_lock gets it, which shows that the waiters here do not hold it.
        Assert.NotEqual(HostEventStatus.Refused, (await rig.Destination.RunAsync(HostEventKind.Unmap, HostRig.Scratch, 1)).Status);
        await rig.Destination.RunAsync(HostEventKind.Fork, HostRig.Ram, 4);

        Assert.Equal(StreamStatus.Ok, (await rig.SendAsync(HostRig.Ram, 1, StreamPhase.Postcopy)).Status);
        Assert.Equal((HostPageStatus.Ok, HostPageStatus.Ok), ((await first).Status, (await second).Status));
        await rig.Destination.ReadAsync(HostRig.Ram);
        Assert.Empty(rig.Destination.Host.Locks.Waits());
        Assert.Equal(2, rig.Destination.Host.Counters.UserFaults);
    });

    [Fact]
    public void The_end_tells_how_long_a_vCPU_has_waited_however_the_wait_ended() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await EnterAsync(rig, new PageSet(StreamRig.Ram), new FaultRequests());

        // The rig's destination faults as vCPU 1.
        var comes = rig.Destination.TouchAsync(HostRig.Ram, write: false);
        await rig.World.DelayAsync(70);
        await rig.SendAsync(HostRig.Ram, 1, StreamPhase.Postcopy);
        await comes;
        var never = rig.Destination.TouchAsync(HostRig.Ram + 1, write: false);
        await rig.World.DelayAsync(30);
        var blocktime = await rig.To.EndIncomingAsync(rig.Op(), StreamRig.Stream);
        Assert.NotEqual(HostPageStatus.Ok, (await never).Status);
        Assert.Equal([0L, 100L], blocktime.VcpuMicroseconds);
        Assert.Equal(0, blocktime.AllMicroseconds);
        Assert.Equal([0L, 100L], (await rig.To.EndIncomingAsync(rig.Op(), StreamRig.Stream)).VcpuMicroseconds);
    });

    [Fact]
    public void KVMs_own_write_waits_for_its_page_too() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await EnterAsync(rig, new PageSet(StreamRig.Ram), new FaultRequests());
        var writing = rig.Destination.Host.Process(0).WriteUserAsync(rig.Destination.Op(), HostRig.Ram, new Gfn(0), 9).AsTask();
        Assert.False(writing.IsCompleted);
        await rig.SendAsync(HostRig.Ram, 1, StreamPhase.Postcopy);
        Assert.True(await writing);
        Assert.Equal(9UL, rig.Destination.FirstWord(rig.Destination.PteAt(HostRig.Ram).Pfn));
    });

    [Fact]
    public void A_page_that_came_before_the_call_for_it_returned_is_not_waited_for() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        var requests = new FaultRequests(async hva => await rig.SendAsync(hva, 1, StreamPhase.Postcopy));
        await EnterAsync(rig, new PageSet(StreamRig.Ram), requests);
        Assert.Equal(HostPageStatus.Ok, (await rig.Destination.TouchAsync(HostRig.Ram, write: true)).Status);
    });

    [Fact]
    public void A_page_that_comes_twice_does_not_overwrite_what_the_guest_has_written() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await EnterAsync(rig, new PageSet(StreamRig.Ram), new FaultRequests());
        await rig.MoveOracleAsync();
        await rig.SendAsync(HostRig.Ram, 2, StreamPhase.Postcopy);
        await rig.Destination.WriteAsync(HostRig.Ram, 6);
        await rig.Destination.WriteAsync(HostRig.Ram + 1, 7);
        Assert.Equal(StreamStatus.Ok, (await rig.SendAsync(HostRig.Ram, 2, StreamPhase.Postcopy)).Status);
        await rig.Destination.ReadAsync(HostRig.Ram);
        await rig.Destination.ReadAsync(HostRig.Ram + 1);
    });

    [Fact]
    public void A_missing_page_of_zeroes_becomes_the_zero_frame() => StreamRig.Run(async rig =>
    {
        await EnterAsync(rig, new PageSet(StreamRig.Ram), new FaultRequests());
        var reading = rig.Destination.TouchAsync(HostRig.Ram, write: false);
        await rig.SendAsync(HostRig.Ram, 1, StreamPhase.Postcopy);
        Assert.Equal(rig.Destination.Host.Frames.ZeroFrame, (await reading).Pfn);
        Assert.Equal(0, await rig.To.PagesHeldAsync(rig.Op()));
    });

    [Fact]
    public void A_late_precopy_page_is_refused() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await EnterAsync(rig, new PageSet(StreamRig.Ram), new FaultRequests());
        Assert.Equal(StreamStatus.Refused, (await rig.SendAsync(HostRig.Ram, 1)).Status);
        Assert.Equal(StreamRig.AllPages, await rig.To.MissingAsync(rig.Op(), StreamRig.Ram));
    });

    [Fact]
    public void A_precopy_chunk_is_refused_from_the_very_page_at_which_postcopy_was_entered()
    {
        var cut = 0;
        for (ulong seed = 1; seed <= 40; seed++)
        {
            var world = new TestWorld(seed);
            var rig = new StreamRig(world);
            world.Run(async () =>
            {
                await rig.OpenAsync();
                for (var page = 0; page < 8; page++) await rig.Source.WriteAsync(HostRig.Ram + page, 1);
                var late = rig.SendAsync(HostRig.Ram, 8);
                await EnterAsync(rig, PageSet.FromWords(StreamRig.Ram, [0b11111111]), new FaultRequests());
                var missing = await rig.To.MissingAsync(rig.Op(), StreamRig.Ram);
                if ((await late).Status == StreamStatus.Refused) cut++;
                Assert.Equal(StreamRig.AllPages, missing);
                Assert.Equal(0, await rig.To.PagesHeldAsync(rig.Op()));
            });
            rig.AssertNothingWrong();
        }

        Assert.True(cut > 0, "no chunk was late: nothing was tested");
    }

    [Fact]
    public void The_mutant_takes_a_late_page_and_the_newer_one_is_lost() =>
        StreamRig.Run(mutant: Mutant.LatePageInPostcopy, body: async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        var gate = new TaskCompletionSource();
        rig.OnTheWay = async chunk =>
        {
            await gate.Task;
            return chunk;
        };
        var late = rig.SendAsync(HostRig.Ram, 1);
        await rig.Source.WriteAsync(HostRig.Ram, 6);
        await EnterAsync(rig, PageSet.FromWords(StreamRig.Ram, [1]), new FaultRequests());
        gate.SetResult();
        Assert.Equal(StreamStatus.Ok, (await late).Status);
        await rig.SendAsync(HostRig.Ram, 1, StreamPhase.Postcopy);
        Assert.NotEqual((await rig.From.ImageAsync(rig.Op(), StreamRig.Ram))[0], (await rig.To.ImageAsync(rig.Op(), StreamRig.Ram))[0]);
    });

    [Fact]
    public void Who_waits_for_a_page_that_will_not_come_gets_an_error() => StreamRig.Run(async rig =>
    {
        await EnterAsync(rig, new PageSet(StreamRig.Ram), new FaultRequests());
        var waiting = rig.Destination.TouchAsync(HostRig.Ram, write: true);
        await rig.To.EndIncomingAsync(rig.Op(), StreamRig.Stream);
        Assert.Equal(HostPageStatus.Fault, (await waiting).Status);
        Assert.Equal(HostPageStatus.Fault, (await rig.Destination.TouchAsync(HostRig.Ram + 1, write: false)).Status);
        Assert.Equal(-1, await EnterAsync(rig, new PageSet(StreamRig.Ram), new FaultRequests()));
    });

    [Fact]
    public void A_process_that_dies_takes_along_who_waits_for_its_missing_pages()
    {
        for (ulong seed = 0; seed <= 30; seed++)
        {
            var world = new TestWorld(seed == 0 ? null : seed);
            var rig = new StreamRig(world);
            world.Run(async () =>
            {
                await rig.OpenAsync();
                await EnterAsync(rig, new PageSet(StreamRig.Ram), new FaultRequests());
                var waiting = rig.Destination.TouchAsync(HostRig.Ram, write: true);
                var writing = rig.Destination.Host.Process(0).WriteUserAsync(rig.Destination.Op(), HostRig.Ram + 1, new Gfn(0), 1).AsTask();
                Assert.True(await rig.Destination.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit)));
                Assert.Equal(HostPageStatus.NoAddressSpace, (await waiting).Status);
                Assert.False(await writing);
                Assert.Equal(StreamStatus.Refused, (await rig.SendAsync(HostRig.Ram, 1, StreamPhase.Postcopy)).Status);
            });
            rig.AssertNothingWrong();
            Assert.Equal(default, rig.Destination.Host.Usage);
            Assert.Empty(rig.Destination.Host.Locks.Waits());
        }
    }

    [Fact]
    public void A_host_that_is_filled_by_one_migration_sends_on_only_what_has_arrived() => StreamRig.Run(async rig =>
    {
        await rig.Source.WriteAsync(HostRig.Ram, 5);
        await EnterAsync(rig, new PageSet(StreamRig.Ram), new FaultRequests());
        const long onward = StreamRig.Stream + 1;
        await rig.To.OpenStreamAsync(rig.Op(), onward, "nowhere", 0, new StreamBandwidth(0));
        var header = new ChunkHeader(onward, StreamRig.Epoch, 0, 0, StreamPhase.Precopy);
        var sending = rig.To.SendAsync(rig.Op(), header, PageSet.All(new HvaRange(HostRig.Ram, 1))).AsTask();
        Assert.False(sending.IsCompleted);
        await rig.SendAsync(HostRig.Ram, 1, StreamPhase.Postcopy);
        Assert.Equal(1, (await sending).Normal);
    });

    private static ValueTask<long> EnterAsync(StreamRig rig, PageSet discard, FaultRequests requests) =>
        rig.To.EnterPostcopyAsync(rig.Op(), StreamRig.Stream, [discard], requests, vcpus: 2);
}
