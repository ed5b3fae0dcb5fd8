using CsCheck;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

/// <summary>Whatever the host does to its pages, a guest behind a correct KVM sees plain memory, and nothing is left at the end.</summary>
public class HostPropertyTests
{
    private const int AddressSpaces = 2;
    private const int Pages = 12;

    private static readonly HostEventKind[] Events = [.. HostEventKind.Events];

    /// <summary>One step: a guest access (half of them), or an event.</summary>
    private sealed record Step(int Mm, int Page, int Length, int What, ulong Value, int Hold)
    {
        public bool IsAccess => What >= Events.Length;
        public bool IsWrite => What % 2 == 0;
        public HostEventKind Event => Events[What];
        public Hva Hva => HostRig.Ram + Page;
    }

    // Few values, so that KSM finds pages to merge.
    private static readonly Gen<Step[]> Steps =
        Gen.Select(
            Gen.Int[0, AddressSpaces - 1], Gen.Int[0, Pages - 1], Gen.Int[1, 4], Gen.Int[0, (2 * Events.Length) - 1], Gen.ULong[0, 3],
            Gen.Int[0, 20],
            (mm, page, length, what, value, hold) => new Step(mm, page, length, what, value, hold))
        .Array[1, 80];

    [Fact]
    public void One_after_another_events_and_accesses_leave_the_memory_of_a_dictionary() =>
        Steps.Sample(steps =>
        {
            var world = new TestWorld();
            var rig = new HostRig(world, addressSpaces: AddressSpaces);
            var memory = new Dictionary<(int Mm, Hva Hva), ulong>();
            world.Run(async () =>
            {
                var vms = await StartAsync(rig);
                foreach (var step in steps)
                {
                    if (!step.IsAccess)
                    {
                        var result = await RunAsync(rig, step);
                        if (Discards(step.Event) && result.Status is HostEventStatus.Done)
                            for (var i = 0; i < step.Length; i++) memory.Remove((step.Mm, step.Hva + i));
                    }
                    else if (
                        await vms[step.Mm].AccessAsync(step.IsWrite ? GuestAccessKind.Write : GuestAccessKind.Read, step.Hva, step.Value)
                            && step.IsWrite)
                    {
                        memory[(step.Mm, step.Hva)] = step.Value;
                    }

                    for (var mm = 0; mm < AddressSpaces; mm++) Assert.Empty(await rig.Host.Process(mm).AuditAsync(rig.Op(), vms[mm].Sptes));
                }

                await CompareAsync(rig, memory);
                await StopAsync(rig, vms);
            });
            Assert.Empty(rig.World.Recorded.Violations);
            Assert.Equal(default, rig.Host.Usage);
        }, iter: 300);

    [Fact]
    public void In_any_order_events_and_accesses_violate_nothing_and_leave_nothing() =>
        Gen.Select(Steps, Gen.ULong).Sample((steps, seed) => RunInterleaved(steps, seed, frames: 256), iter: 200);

    [Fact]
    public void In_any_order_they_also_hold_when_memory_is_short() =>
        Gen.Select(Steps, Gen.ULong).Sample((steps, seed) => RunInterleaved(steps, seed, frames: 9), iter: 100);

    /// <summary>The properties can fail: without a notification to KVM, a guest uses the translations that it still has.</summary>
    [Fact]
    public void A_merge_without_notifications_is_caught_by_the_accesses_that_follow()
    {
        var world = new TestWorld(seed: 1);
        var rig = new HostRig(world, mutant: Mutant.KsmWithoutNotifier, addressSpaces: AddressSpaces);
        world.Run(async () =>
        {
            var vms = await StartAsync(rig);
            foreach (var vm in vms) await vm.AccessAsync(GuestAccessKind.Write, HostRig.Ram, 1);
            await rig.ScanAsync(4);
            foreach (var vm in vms) await vm.AccessAsync(GuestAccessKind.Write, HostRig.Ram, 2);
        });
        Assert.Contains(Invariants.NoStaleTranslation, rig.Violations);
        Assert.Contains(Invariants.Permission, rig.Violations);
    }

    private static void RunInterleaved(Step[] steps, ulong seed, int frames)
    {
        var world = new TestWorld(seed);
        var rig = new HostRig(world, frames, addressSpaces: AddressSpaces);
        world.Run(async () =>
        {
            var vms = await StartAsync(rig);

            // Accesses and events of one lane follow each other; the lanes run in any order. Few pages, so that they meet.
            var lanes = steps.Select((step, index) => (step: step with { Page = step.Page % 3 }, lane: index % 6))
                .GroupBy(pair => pair.lane, pair => pair.step);
            await Task.WhenAll(lanes.Select(async lane =>
            {
                foreach (var step in lane)
                    if (!step.IsAccess) await RunAsync(rig, step);
                    else await vms[step.Mm].AccessAsync(step.IsWrite ? GuestAccessKind.Write : GuestAccessKind.Read, step.Hva, step.Value);
            }));
            Assert.Equal(0, rig.Host.Usage.OpenRanges);
            Assert.Equal(0, rig.Host.Usage.Operations);
            for (var mm = 0; mm < AddressSpaces; mm++) Assert.Empty(await rig.Host.Process(mm).AuditAsync(rig.Op(), vms[mm].Sptes));
            await StopAsync(rig, vms);
        });
        Assert.Empty(rig.World.Recorded.Violations);
        Assert.Equal(default, rig.Host.Usage);
        Assert.Empty(rig.Host.Locks.Order.PotentialCycles());
    }

    private static async Task<PerfectKvm[]> StartAsync(HostRig rig)
    {
        var vms = Enumerable.Range(0, AddressSpaces).Select(mm => new PerfectKvm(rig, mm)).ToArray();
        for (var mm = 0; mm < AddressSpaces; mm++) Assert.True(await rig.Host.Process(mm).RegisterNotifierAsync(rig.Op(), vms[mm]));
        return vms;
    }

    /// <summary>Both paths of teardown, at once for the first address space and one after the other for the second.</summary>
    private static async Task StopAsync(HostRig rig, PerfectKvm[] vms)
    {
        Assert.All(vms, vm => Assert.Equal(0, vm.InProgress));
        await Task.WhenAll(
            rig.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit)).AsTask(),
            rig.Host.Process(0).UnregisterNotifierAsync(rig.Op(OperationKind.VmDestroy), vms[0]).AsTask());
        await rig.Host.Process(1).UnregisterNotifierAsync(rig.Op(OperationKind.VmDestroy), vms[1]);
        await rig.Host.Process(1).ExitAsync(rig.Op(OperationKind.AddressSpaceExit));
    }

    private static ValueTask<HostEventResult> RunAsync(HostRig rig, Step step)
    {
        // A KSM scan has to go round twice before it merges anything.
        var range = new HvaRange(step.Hva, step.Event == HostEventKind.KsmScan ? 6 * step.Length : step.Length);
        return rig.Host.RunEventAsync(
            rig.Op(step.Event), new HostEvent(step.Event, step.Mm, range, step.Hold) { ChildMicroseconds = step.Hold });
    }

    private static bool Discards(HostEventKind kind) => kind.Discards;

    /// <summary>Reads every page as the process itself would, not through the oracle.</summary>
    private static async Task CompareAsync(HostRig rig, Dictionary<(int Mm, Hva Hva), ulong> memory)
    {
        for (var mm = 0; mm < AddressSpaces; mm++)
            for (var page = 0; page < Pages + 4; page++)
            {
                var found = await rig.Host.Process(mm).FaultInAsync(rig.Op(), HostRig.Ram + page, write: false);
                Assert.Equal(memory.GetValueOrDefault((mm, HostRig.Ram + page)), rig.FirstWord(found.Pfn));
                await rig.Host.Process(0).PutPageAsync(rig.Op(), found.Pfn);
            }
    }
}
