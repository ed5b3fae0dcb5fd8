using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Host.SamePageMerging;

namespace Livebed.Kvm.Tests.Host;

public class KsmTests
{
    private const ulong Content = 0xABCD;

    [Fact]
    public void Equal_pages_of_two_vms_are_merged_and_a_write_unmerges_one_of_them() => Run(async (rig, vms) =>
    {
        await rig.WriteAsync(HostRig.Ram, Content, mm: 0);
        await rig.WriteAsync(HostRig.Ram + 3, Content, mm: 1);
        await rig.ScanAsync(4);

        var kpage = rig.PteAt(HostRig.Ram).Pfn;
        Assert.Equal(Pte.Map(kpage, writable: false, ksm: true), rig.PteAt(HostRig.Ram));
        Assert.Equal(rig.PteAt(HostRig.Ram), rig.PteAt(HostRig.Ram + 3, mm: 1));
        Assert.Equal(1, rig.Host.Usage.Frames);
        Assert.Equal((1, 1, 1), (rig.Host.Ksm.Counters.PagesShared, rig.Host.Ksm.Counters.PagesSharing, rig.Host.Ksm.Counters.Merges));
        await rig.ReadAsync(HostRig.Ram, mm: 0);
        await rig.ReadAsync(HostRig.Ram + 3, mm: 1);

        await rig.WriteAsync(HostRig.Ram, 99, mm: 0);

        Assert.NotEqual(kpage, rig.PteAt(HostRig.Ram).Pfn);
        Assert.Equal((0, 1), (rig.Host.Ksm.Counters.PagesSharing, rig.Host.Ksm.Counters.Unmerges));
        await rig.ReadAsync(HostRig.Ram, mm: 0);
        await rig.ReadAsync(HostRig.Ram + 3, mm: 1);
        Assert.Equal(2, rig.Host.Usage.Frames);
        Assert.Empty(rig.Violations);
    });

    [Fact]
    public void A_merge_is_two_complete_invalidations_of_the_replaced_page() => Run(async (rig, vms) =>
    {
        await rig.WriteAsync(HostRig.Ram, Content, mm: 0);
        await rig.WriteAsync(HostRig.Ram, Content, mm: 1);
        await rig.ScanAsync(4);

        // The page found second stays where it is and is only write-protected; its twin is replaced by it.
        Assert.Equal(["start 100+1 Clear", "end 100+1 Clear", "start 100+1 Clear", "change_pte 100", "end 100+1 Clear"], vms[0].Log);
        Assert.Equal(["start 100+1 Clear", "end 100+1 Clear"], vms[1].Log);
        Assert.All(vms, vm => Assert.Equal(vm.Starts, vm.Ends));
    });

    [Fact]
    public void A_third_page_joins_through_the_stable_tree_at_its_first_visit() => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, Content, mm: 0);
        await rig.WriteAsync(HostRig.Ram, Content, mm: 1);
        await rig.ScanAsync(4);
        await rig.WriteAsync(HostRig.Ram + 7, Content, mm: 1);
        await rig.ScanAsync(3);
        Assert.Equal((1, 2, 2), (rig.Host.Ksm.Counters.PagesShared, rig.Host.Ksm.Counters.PagesSharing, rig.Host.Ksm.Counters.Merges));
        Assert.Equal(1, rig.Host.Usage.Frames);
    });

    [Fact]
    public void A_pinned_page_is_given_up_and_stays_writable() => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, Content, mm: 0);
        await rig.WriteAsync(HostRig.Ram, Content, mm: 1);
        var pinned = await rig.Host.Process(1).FaultInAsync(rig.Op(), HostRig.Ram, write: true);
        await rig.ScanAsync(4);

        Assert.Equal(0, rig.Host.Ksm.Counters.Merges);
        Assert.Equal(Pte.Map(pinned.Pfn, writable: true), rig.PteAt(HostRig.Ram, mm: 1));
        Assert.True(rig.Host.Counters.KsmPinned > 0);

        await rig.Host.Process(0).PutPageAsync(rig.Op(), pinned.Pfn);
        await rig.ScanAsync(4);
        Assert.Equal(1, rig.Host.Ksm.Counters.Merges);
    });

    [Fact]
    public void When_only_the_first_of_two_works_out_it_is_broken_up_again() => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, Content, mm: 0);
        await rig.WriteAsync(HostRig.Ram, Content, mm: 1);
        var pinned = await rig.Host.Process(0).FaultInAsync(rig.Op(), HostRig.Ram, write: true);
        await rig.ScanAsync(4);
        Assert.Equal(new KsmCounters(0, 0, 1, 1, 1, 4, 0, 1), rig.Host.Ksm.Counters);
        Assert.True(rig.PteAt(HostRig.Ram, mm: 1).IsWritable);
        await rig.Host.Process(0).PutPageAsync(rig.Op(), pinned.Pfn);
        await rig.ReadAsync(HostRig.Ram, mm: 1);
        Assert.Empty(rig.Violations);
    });

    [Fact]
    public void A_page_that_changes_between_visits_is_volatile_and_never_merged() => Run(async (rig, _) =>
    {
        for (var round = 1UL; round < 5; round++)
        {
            await rig.WriteAsync(HostRig.Ram, round, mm: 0);
            await rig.WriteAsync(HostRig.Ram, round, mm: 1);
            await rig.ScanAsync(2);
        }

        Assert.Equal((0, 2, 8), (rig.Host.Ksm.Counters.Merges, rig.Host.Ksm.Counters.PagesVolatile, rig.Host.Ksm.Counters.PagesScanned));
    });

    [Fact]
    public void Pages_that_differ_in_the_middle_only_are_not_merged() => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, Content, mm: 0);
        var other = await rig.WriteAsync(HostRig.Ram, Content, mm: 1);
        rig.Host.Frames.Bytes(other)[HostRig.PageSize / 2] = 1;
        await rig.ScanAsync(6);
        Assert.Equal((0, 2), (rig.Host.Ksm.Counters.Merges, rig.Host.Ksm.Counters.PagesUnshared));
    });

    [Fact]
    public void A_shared_page_goes_with_its_last_mapping_and_its_stale_node_is_not_found_again() => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, Content, mm: 0);
        await rig.WriteAsync(HostRig.Ram, Content, mm: 1);
        await rig.ScanAsync(4);
        await rig.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 1, mm: 0);
        await rig.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 1, mm: 1);
        Assert.Equal((0, 0, 0), (rig.Host.Ksm.Counters.PagesShared, rig.Host.Ksm.Counters.PagesSharing, rig.Host.Usage.Frames));

        // The same frame is reused at once for the same content, which is private now.
        var reused = await rig.WriteAsync(HostRig.Ram, Content, mm: 0);
        await rig.WriteAsync(HostRig.Ram, Content + 1, mm: 0);
        await rig.ScanAsync(1);
        Assert.Equal(Pte.Map(reused, writable: true), rig.PteAt(HostRig.Ram));
    });

    [Fact]
    public void The_mutant_merges_outside_of_any_range_and_S10_sees_it() => Run(Mutant.KsmWithoutNotifier, async (rig, vms) =>
    {
        await rig.WriteAsync(HostRig.Ram, Content, mm: 0);
        await rig.WriteAsync(HostRig.Ram, Content, mm: 1);
        await rig.ScanAsync(4);
        Assert.All(vms, vm => Assert.Empty(vm.Starts));
        Assert.NotEmpty(rig.Violations);
        Assert.All(rig.Violations, invariant => Assert.Equal(Invariants.NotifierCompleteness, invariant));
    });

    [Fact]
    public void A_scan_of_nothing_ends() => Run(async (rig, _) =>
        Assert.Equal(HostEventStatus.NothingToDo, (await rig.ScanAsync(1000)).Status));

    private static void Run(Func<HostRig, RecordingSubscriber[], Task> body) => Run(null, body);

    private static void Run(Mutant? mutant, Func<HostRig, RecordingSubscriber[], Task> body)
    {
        var world = new TestWorld();
        var rig = new HostRig(world, mutant: mutant, addressSpaces: 2);
        RecordingSubscriber[] vms = [new("vm-0") { HasChangePte = true }, new("vm-1") { HasChangePte = true }];
        world.Run(async () =>
        {
            for (var mm = 0; mm < 2; mm++) await rig.Host.Process(mm).RegisterNotifierAsync(rig.Op(), vms[mm]);
            await body(rig, vms);
        });
        Assert.Equal((0, 0), (rig.Host.Usage.OpenRanges, rig.Host.Usage.FolioLocks));
    }
}
