using System.Diagnostics;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>vCPU grains are saved, go on elsewhere, and are throttled.</summary>
[Collection(ActorCollection.Name)]
public sealed class VcpuStateTests(ActorCollection.Clusters clusters)
{
    [Fact]
    public async Task A_guest_goes_on_in_the_vCPU_of_another_host_and_makes_each_access_once()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var from = await bed.RunAsync(new VmPlan(Vcpus: 2));
        // Its own guest is vCPU 0; there is room for the other one's pages.
        var to = await bed.RunAsync(new VmPlan(Vcpus: 1, PagesPerVcpu: 64));

        var source = from.Vcpu(1);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await source.SaveAsync(bed.Next(OperationKind.Audit)));
        await source.PauseAsync(bed.Next(OperationKind.Audit));
        var state = Found(await source.SaveAsync(bed.Next(OperationKind.Audit)));
        var madeBySource = Made(await source.InspectAsync());
        var message = from.Message() with { HostKey = to.HostKey, AddressSpaceId = to.AddressSpaceId };
        Assert.Equal(HandedOut(message, state), madeBySource + state.Pending.Count);

        var destination = to.Vcpu(1);
        Assert.True(await ActorStart.TryAsync(() => destination.StartAsync(message, 1, state)), "the activation kept going away");
        await Until.HoldsAsync(async () => Made(await destination.InspectAsync()), made => made > 1_000, "accesses of the moved guest");
        await destination.PauseAsync(bed.Next(OperationKind.Audit));
        var later = Found(await destination.SaveAsync(bed.Next(OperationKind.Audit)));
        var report = await destination.InspectAsync();
        Assert.Null(report.Failure);
        Assert.Empty(report.Violations);
        Assert.Equal(HandedOut(message, later), madeBySource + Made(report) + later.Pending.Count);
        Assert.True(later.GuestMicroseconds > state.GuestMicroseconds);
        Assert.True(later.Operations > state.Operations);

        // The guest that was never moved, from the beginning, and the one that was are the same from here on.
        using var never = Create(message, null);
        Take(never, (int)HandedOut(message, later));
        using var moved = Create(message, later.Program);
        Assert.Equal(Take(never, 1_000), Take(moved, 1_000));

        await destination.StopAsync(bed.Next(OperationKind.VmDestroy));
        await destination.CloseAsync();
        await from.DestroyAsync();
        await to.DestroyAsync();
    }

    [Fact]
    public async Task A_throttled_vCPU_sleeps_falls_behind_and_is_paused_at_once()
    {
        var bed = await clusters.BedAsync(PlacementMode.Packed);
        var vm = await bed.RunAsync(new VmPlan(Vcpus: 1));
        var vcpu = vm.Vcpu(0);
        await Until.HoldsAsync(
            () => vm.CountAsync(counters => counters.Vcpu?.ProgramMicroseconds), program => program > 0, "the program's beginning");
        var clock = Stopwatch.StartNew();
        var least = long.MaxValue;
        await vcpu.ThrottleAsync(bed.Next(OperationKind.Audit), new VcpuThrottle(90, 0));
        await Until.HoldsAsync(() => vm.CountAsync(counters => counters.Vcpu?.ThrottleMicroseconds), slept => slept > 0, "a sleep");
        await Until.HoldsAsync(() => BehindAsync(), behind => behind > least + 20_000, "a delay");
        await vcpu.PauseAsync(bed.Next(OperationKind.Audit));
        await vcpu.ResumeAsync(bed.Next(OperationKind.Audit), epoch: 0);
        await vcpu.ThrottleAsync(bed.Next(OperationKind.Audit), VcpuThrottle.None);
        await Until.HoldsAsync(() => BehindAsync(), behind => behind < least + 20_000, "an end of the delay");
        await vm.DestroyAsync();

        // How far the guest's program is behind the clock, but for a constant: unlike the lateness of its newest access that is large for
        // as long as the vCPU sleeps.
        async Task<long> BehindAsync()
        {
            var behind = (long)clock.Elapsed.TotalMicroseconds - await vm.CountAsync(counters => counters.Vcpu?.ProgramMicroseconds);
            least = Math.Min(least, behind);
            return behind;
        }
    }

    [Fact]
    public async Task The_pages_that_a_vCPU_dirties_are_counted_when_they_are_logged()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var plan = new VmPlan(DirtyLog: DirtyLogMode.Ring);
        var vm = await bed.RunAsync(plan);
        Assert.Equal(0, await vm.CountAsync(counters => counters.Vcpu?.DirtyPages));
        await vm.DirtyLogAsync(DirtyLogStep.Enable);
        await Until.HoldsAsync(DirtyPages, pages => pages >= plan.RamPages, "a write to every page");
        await vm.DirtyLogAsync(DirtyLogStep.Round);
        await Until.HoldsAsync(DirtyPages, pages => pages > plan.RamPages, "a write to a page after a round");

        Task<long> DirtyPages() => vm.CountAsync(counters => counters.Vcpu?.DirtyPages);
        await vm.DestroyAsync();
    }

    [Fact]
    public async Task There_is_nothing_to_save_where_no_vCPU_is()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var vm = await bed.PlanAsync();
        Assert.Null(await vm.Vcpu(0).SaveAsync(bed.Next(OperationKind.Audit)));
        await vm.LeavesNoActivationAsync();
    }

    private static VcpuState Found(VcpuState? state)
    {
        Assert.NotNull(state);
        return state;
    }

    private static long Made(ActorReport report) => report.Counters.Vcpu!.Accesses + report.Counters.Vcpu!.AccessesSkipped;

    private static long HandedOut(VmMessage message, VcpuState state)
    {
        using var program = Create(message, state.Program);
        return program.AccessesHandedOut;
    }

    private static IPacedGuestProgram Create(VmMessage message, GuestState? state) =>
        message.Guest.Create(message.Seed, message.Options.Ordinal, 1, message.Vcpus, VmLayout.RamGfn, message.PageSize, state);

    private static GuestOperation[] Take(IPacedGuestProgram guest, int count)
    {
        var span = new GuestOperation[count];
        Assert.Equal(count, guest.Next(span, long.MaxValue / 2));
        return span;
    }
}
