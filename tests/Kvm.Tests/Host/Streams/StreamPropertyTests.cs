using CsCheck;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host.Streams;

/// <summary>Whatever both hosts do to their pages meanwhile, and in whatever order, the memory that arrived is the memory that
/// left.</summary>
public class StreamPropertyTests
{
    private const int Pages = 6;

    private static readonly HostEventKind[] Events =
    [
        HostEventKind.DontNeed, HostEventKind.Unmap, HostEventKind.OomReap, HostEventKind.Fork, HostEventKind.KsmScan,
        HostEventKind.PageMigration,
        HostEventKind.Reclaim, HostEventKind.NumaBalancing, HostEventKind.Mprotect, HostEventKind.NestedRange,
    ];

    /// <summary>A guest access, or an event at one of the hosts.</summary>
    private sealed record Step(int What, int Page, int Length, ulong Value, bool AtDestination);

    private static readonly Gen<Step[]> Steps =
        Gen.Select(
            Gen.Int[0, (2 * Events.Length) - 1], Gen.Int[0, Pages - 1], Gen.Int[1, 4], Gen.ULong[0, 3], Gen.Bool,
            (what, page, length, value, atDestination) => new Step(what, page, length, value, atDestination))
        .Array[1, 60];

    [Fact]
    public void After_the_last_round_of_precopy_both_images_are_equal() =>
        Gen.Select(Steps, Gen.ULong).Sample((steps, seed) => Run(seed, async rig =>
        {
            var vm = await StartAsync(rig.Source);
            await Task.WhenAll(PlayAsync(rig, vm, steps, lanes: 3).Append(RoundsAsync(rig)));

            // The guest has stopped: what is left, until nothing is.
            for (var dirty = await rig.TakeDirtyAsync(); !dirty.IsEmpty; dirty = await rig.TakeDirtyAsync())
                Assert.Equal(StreamStatus.Ok, (await rig.SendAsync(dirty)).Status);
            await rig.AssertEqualImagesAsync();
            await rig.MoveOracleAsync();
            await rig.To.EndIncomingAsync(rig.Op(), StreamRig.Stream);
            for (var page = 0; page < HostRig.RamPages; page++) await rig.Destination.ReadAsync(HostRig.Ram + page);
        }), iter: 300);

    [Fact]
    public void In_postcopy_the_guest_reads_what_it_wrote_before_and_after_the_switch() =>
        Gen.Select(Steps, Gen.ULong).Sample((steps, seed) => Run(seed, async rig =>
        {
            var vm = await StartAsync(rig.Source);
            var half = steps.Length / 2;
            var later = steps[half..].Select(step => step with { AtDestination = true }).ToArray();
            await Task.WhenAll(PlayAsync(rig, vm, steps[..half], lanes: 2).Append(RoundsAsync(rig)));
            var requested = new List<Task>();
            var stale = await rig.TakeDirtyAsync();
            var requests = new FaultRequests(hva =>
            {
                requested.Add(rig.SendAsync(hva, 1, StreamPhase.Postcopy));
                return ValueTask.CompletedTask;
            });
            var missing = await rig.To.EnterPostcopyAsync(rig.Op(), StreamRig.Stream, [stale], requests, vcpus: 1);
            Assert.InRange(missing, 0, HostRig.RamPages);
            await rig.MoveOracleAsync();

            // Pages that have not been pushed are the only copy, so the source discards nothing any more.
            var moved = await StartAsync(rig.Destination);
            await Task.WhenAll(PlayAsync(rig, moved, later, lanes: 3).Append(PushAsync(rig)));
            await Task.WhenAll(requested);
            Assert.Empty(await rig.To.MissingAsync(rig.Op(), StreamRig.Ram));
            Assert.Equal(requests.Asked.Distinct(), requests.Asked);
            await rig.To.EndIncomingAsync(rig.Op(), StreamRig.Stream);
            for (var page = 0; page < HostRig.RamPages; page++) await rig.Destination.ReadAsync(HostRig.Ram + page);
        }), iter: 300);

    private static void Run(ulong seed, Func<StreamRig, Task> body)
    {
        var world = new TestWorld(seed);
        var rig = new StreamRig(world);
        world.Run(async () =>
        {
            await rig.OpenAsync();
            await body(rig);
            await rig.From.CloseStreamAsync(rig.Op(), StreamRig.Stream);
            foreach (var host in (HostRig[])[rig.Source, rig.Destination])
                await host.Host.Process(0).ExitAsync(host.Op(OperationKind.AddressSpaceExit));
        });
        rig.AssertNothingWrong();
        foreach (var host in (HostRig[])[rig.Source, rig.Destination])
        {
            Assert.Equal(default, host.Host.Usage);
            Assert.Empty(host.Host.Locks.Order.PotentialCycles());
        }
    }

    private static async Task<PerfectKvm> StartAsync(HostRig host)
    {
        var vm = new PerfectKvm(host, 0);
        Assert.True(await host.Host.Process(0).RegisterNotifierAsync(host.Op(), vm));
        return vm;
    }

    /// <summary>All pages, and then rounds over what has changed: bits first, pages then.</summary>
    private static async Task RoundsAsync(StreamRig rig)
    {
        var dirty = StreamRig.AllPages;
        for (var round = 0; round < 3; round++)
        {
            Assert.Equal(StreamStatus.Ok, (await rig.SendAsync(dirty, round: round)).Status);
            dirty = await rig.TakeDirtyAsync();
        }

        // The bits of a round that is not sent any more are not lost.
        if (!dirty.IsEmpty) await rig.SendAsync(dirty, round: 3);
    }

    private static async Task PushAsync(StreamRig rig)
    {
        for (var page = 0; page < HostRig.RamPages; page += 4)
            Assert.Equal(StreamStatus.Ok, (await rig.SendAsync(HostRig.Ram + page, 4, StreamPhase.Postcopy)).Status);
    }

    private static IEnumerable<Task> PlayAsync(StreamRig rig, PerfectKvm vm, Step[] steps, int lanes) =>
        Enumerable.Range(0, lanes).Select(async lane =>
        {
            for (var i = lane; i < steps.Length; i += lanes)
            {
                var step = steps[i];
                var hva = HostRig.Ram + step.Page;
                if (step.What >= Events.Length)
                    await vm.AccessAsync(step.What % 2 == 0 ? GuestAccessKind.Write : GuestAccessKind.Read, hva, step.Value);
                else await EventAsync(step.AtDestination ? rig.Destination : rig.Source, Events[step.What], hva, step.Length);
            }
        });

    private static async Task EventAsync(HostRig host, HostEventKind kind, Hva hva, int length)
    {
        var range = new HvaRange(hva, kind == HostEventKind.KsmScan ? 6 * length : length);
        await host.Host.RunEventAsync(
            host.Op(kind), new HostEvent(kind, 0, range, HoldMicroseconds: length) { ChildMicroseconds = 5 * length });
    }
}
