using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;
using static Livebed.Kvm.Tests.Locks.Observations;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>Hangs without a circle: the one in the way is gone, or there is always another one.</summary>
public sealed class OrphanAndStarvationTests
{
    private readonly HangDetector _detector = new();

    [Fact]
    public void A_destroy_behind_a_range_that_never_ended_is_a_blocked_teardown()
    {
        var hang = Assert.Single(_detector.Twice([1], Wait(1, [9], OperationKind.VmDestroy, lockClass: "mmu_notifier_slots_lock")));
        Assert.Equal((HangKind.OrphanedHold, Invariants.TeardownProgress), (hang.Kind, hang.Invariant));
        Assert.Equal(
            "op 0.1 (VmDestroy) waits for mmu_notifier_slots_lock (write) of vm-1, "
                + "which op 0.9 (Unmap) held when it ended and no operation will release",
            hang.Message);
        Assert.Equal(
        [
            "op 0.1 (VmDestroy) waits for mmu_notifier_slots_lock (write) of vm-1, 1.0 s, behind:",
            "op 0.9 (Unmap) holds mmu_notifier_slots_lock (write) of vm-1 and is no longer running",
        ], hang.Witness);
        Assert.Equal([Id(1), Id(9)], hang.Operations);
    }

    [Theory]
    [InlineData("vm-destroy", Invariants.TeardownProgress)]
    [InlineData("address-space-exit", Invariants.TeardownProgress)]
    [InlineData("memslot-delete", Invariants.MemslotUpdateProgress)]
    [InlineData("dirty-log-enable", Invariants.MemslotUpdateProgress)]
    [InlineData("dirty-log-get", Invariants.MigrationProgress)]
    [InlineData("fault", Invariants.FaultProgress)]
    [InlineData("unmap", Invariants.InvalidationProgress)]
    [InlineData("held-range", Invariants.InvalidationProgress)]
    public void The_invariant_is_that_of_who_waits(string kind, string invariant) =>
        Assert.Equal(invariant, Assert.Single(_detector.Twice([1], Wait(1, [9], OperationKinds.Find(kind)!))).Invariant);

    [Fact]
    public void Every_kind_of_operation_has_a_liveness_invariant_and_a_name_by_which_it_is_found() =>
        Assert.All(OperationKinds.All, kind =>
        {
            Assert.Contains(kind.Progress, InvariantCatalog.All.Keys);
            Assert.Same(kind, OperationKinds.Find(kind.Name));
            Assert.Same(kind, OperationKinds.Numbered(kind.Number));
        });

    [Fact]
    public void A_holder_that_is_in_the_books_once_or_that_waits_itself_is_alive()
    {
        _detector.Observe(At(0, [1], Wait(1, [9])));
        Assert.Empty(_detector.Observe(At(Second, [1, 9], Wait(1, [9]))));
        Assert.Empty(
            new HangDetector()
                .Twice([1], Wait(1, [9]), Wait(9, [2], lockClass: "mmap_lock"), Wait(2, [3], lockClass: "mmu_lock", queued: true)));
    }

    [Fact]
    public void Whoever_stands_in_a_queue_holds_nothing() => Assert.Empty(_detector.Twice([1], Wait(1, [9], queued: true)));

    [Fact]
    public void A_dead_holder_is_reported_once_for_all_who_wait_for_it_alike()
    {
        var waits = new[] { Wait(1, [9], OperationKind.MemslotCreate, waited: 3 * Second), Wait(2, [9], OperationKind.MemslotDelete) };
        Assert.Equal(Id(1), Assert.Single(_detector.Twice([1, 2, 3], waits)).Operations[0]);
        Assert.Empty(_detector.Observe(At(2 * Second, [1, 2, 3], [.. waits, Wait(3, [9], OperationKind.MemslotMove)])));
        Assert.Empty(_detector.Observe(At(3 * Second, [1, 2, 3], [.. waits, Wait(3, [9], OperationKind.MemslotMove)])));

        var destroy = Wait(4, [9], OperationKind.VmDestroy);
        _detector.Observe(At(4 * Second, [1, 2, 3, 4], [.. waits, destroy]));
        Assert.Equal(
            Invariants.TeardownProgress, Assert.Single(_detector.Observe(At(5 * Second, [1, 2, 3, 4], [.. waits, destroy]))).Invariant);
    }

    [Fact]
    public void An_update_behind_ever_new_ranges_starves_and_the_time_is_named()
    {
        _detector.Observe(At(0, [1, 2, 3], Update(4_600_000, 2)));
        var hang = Assert.Single(_detector.Observe(At(600_000, [1, 2, 3], Update(5_200_000, 3))));
        Assert.Equal(
            (HangKind.Starvation, Invariants.MemslotUpdateProgress, 5_200_000), (hang.Kind, hang.Invariant, hang.WaitedMicroseconds));
        Assert.Equal(
            "op 0.1 (MemslotCreate) has waited 5.2 s for mn_memslots_update_rcuwait (write) of vm-1: others keep coming before it",
            hang.Message);
        Assert.Equal(
        [
            "op 0.1 (MemslotCreate) waits for mn_memslots_update_rcuwait (write) of vm-1, 5.2 s, behind op 0.3 (Unmap)",
            "at the observation before, behind op 0.2 (Unmap)",
            "vm-1 itself did 600000 steps in 600 ms",
        ], hang.Witness);
        Assert.Equal([Id(1), Id(3)], hang.Operations);

        // Once per wait.
        Assert.Empty(_detector.Observe(At(2 * Second, [1, 2, 3, 4], Update(6_600_000, 4))));

        static ObservedWait Update(long waited, int range) =>
            Wait(1, [range], OperationKind.MemslotCreate, waited: waited, lockClass: "mn_memslots_update_rcuwait");
    }

    [Fact]
    public void A_holder_that_lives_and_never_lets_go_starves_who_waits()
    {
        var hang = Assert.Single(_detector.Twice([1, 2], Wait(1, [2], waited: 6 * Second)));
        Assert.Equal((HangKind.Starvation, Invariants.FaultProgress), (hang.Kind, hang.Invariant));
        Assert.EndsWith("those before it do not let go, and do not wait for it", hang.Message, StringComparison.Ordinal);
    }

    /// <summary>A page of a post-copy migration: no operation of this host can be blamed for it.</summary>
    [Fact]
    public void What_does_not_come_from_another_host_is_not_blamed_on_those_before_it()
    {
        var hang = Assert.Single(_detector.Twice([1], Wait(1, [], waited: 6 * Second, lockClass: "userfaultfd")));
        Assert.Equal((HangKind.Starvation, Invariants.FaultProgress), (hang.Kind, hang.Invariant));
        Assert.EndsWith(
            "no operation holds it here, and what it waits for has not come from another host", hang.Message, StringComparison.Ordinal);
        Assert.Equal([Id(1)], hang.Operations);
    }

    [Fact]
    public void A_page_of_post_copy_may_be_waited_for_until_the_broken_link_is_given_up()
    {
        const long recovery = 30 * Second;
        Assert.Empty(Patient().Twice([1], Wait(1, [], waited: recovery, lockClass: "userfaultfd")));
        Assert.Single(Patient().Twice([1], Wait(1, [], waited: recovery + 6 * Second, lockClass: "userfaultfd")));
        Assert.Single(Patient().Twice([1], Wait(1, [], waited: 6 * Second, lockClass: "mmap_lock")));

        static HangDetector Patient() => new(5 * Second, recovery);
    }

    [Fact]
    public void A_stalled_actor_is_named()
    {
        var wait = Wait(1, [2], waited: 6 * Second);
        var still = new HangObservation(
            0, [wait], new HashSet<OperationId> { Id(1), Id(2) }, new Dictionary<string, long> { ["vm-1"] = 5 });
        _detector.Observe(still);
        Assert.Contains(
            "vm-1 itself did nothing for 2.0 s", Assert.Single(_detector.Observe(still with { TimeMicroseconds = 2 * Second })).Witness);
    }

    [Theory]
    [InlineData(4_999_999, 0)]
    [InlineData(5_000_000, 1)]
    public void The_bound_decides(long waited, int hangs) =>
        Assert.Equal(hangs, _detector.Twice([1, 2], Wait(1, [2], waited: waited)).Count);

    [Fact]
    public void The_bound_can_be_set() =>
        Assert.Single(new HangDetector(starvationMicroseconds: 10).Twice([1, 2], Wait(1, [2], waited: 10)));

    [Fact]
    public void Only_the_cause_starves_and_not_those_behind_it()
    {
        // 3 waits longest, behind 2, which holds its lock and waits for 1.
        var hang = Assert.Single(_detector.Twice(
            [1, 2, 3], Wait(3, [2], OperationKind.DirtyLogGet, waited: 9 * Second),
            Wait(2, [1], OperationKind.MemslotCreate, waited: 6 * Second, lockClass: "mn_memslots_update_rcuwait")));
        Assert.Equal(Invariants.MemslotUpdateProgress, hang.Invariant);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Whoever_waits_behind_a_deadlock_or_an_orphan_does_not_starve(bool deadlock)
    {
        var root = deadlock ? new[] { Wait(1, [2]), Wait(2, [1]) } : [Wait(1, [9])];
        ObservedWait[] waits = [.. root, Wait(3, [1], waited: 20 * Second, lockClass: "mmap_lock"),
            Wait(4, [3], waited: 20 * Second, lockClass: "bql")];
        Assert.NotEqual(HangKind.Starvation, Assert.Single(_detector.Twice([1, 2, 3, 4], waits)).Kind);
        Assert.Empty(_detector.Observe(At(2 * Second, [1, 2, 3, 4], waits)));
    }

    [Fact]
    public void Many_blockers_are_named_up_to_a_bound()
    {
        int[] blockers = [.. Enumerable.Range(2, 30)];
        var hang = Assert.Single(_detector.Twice([1, .. blockers], Wait(1, blockers, waited: 6 * Second)));
        Assert.EndsWith("op 0.9 (Unmap) and 22 more", hang.Witness[0], StringComparison.Ordinal);
    }
}
