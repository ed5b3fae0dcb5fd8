using CsCheck;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;
using static Livebed.Kvm.Tests.Locks.Observations;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>A deadlock is reported if and only if waits that last form a circle.</summary>
public sealed class DeadlockDetectionTests
{
    private static readonly int[] AllLive = [.. Enumerable.Range(1, 40)];
    private readonly HangDetector _detector = new();

    [Fact]
    public void The_seeds_nested_read_behind_a_queued_writer_is_a_deadlock_with_a_witness()
    {
        var bed = new LockTestBed();
        var rwsem = bed.Rwsem();
        var (nested, writer, late) = (bed.Op(HostEventKind.NestedRange), bed.Op(OperationKind.MemslotCreate), bed.Op(HostEventKind.Unmap));
        bed.Take(() => rwsem.DownReadAsync(nested));
        bed.Start(() => rwsem.DownWriteAsync(writer));
        bed.World.NowMicroseconds = 100_000;
        bed.Start(() => rwsem.DownReadAsync(nested));
        bed.Start(() => rwsem.DownReadAsync(late));
        Assert.Empty(_detector.Observe(Of(bed)));
        bed.World.NowMicroseconds = 1_300_000;

        var hang = Assert.Single(_detector.Observe(Of(bed)));
        Assert.Equal((HangKind.Deadlock, Invariants.Deadlock), (hang.Kind, hang.Invariant));
        Assert.Equal(
            "op 0.1 (NestedRange) and op 0.2 (MemslotCreate) wait for each other, over mmu_notifier_slots_lock of vm-1", hang.Message);
        Assert.Equal(
        [
            "op 0.1 (NestedRange) holds mmu_notifier_slots_lock (read) of vm-1 and waits for mmu_notifier_slots_lock (read) of vm-1, "
                + "1.2 s, behind:",
            "op 0.2 (MemslotCreate) waits for mmu_notifier_slots_lock (write) of vm-1, 1.3 s, behind:",
            "op 0.1 (NestedRange), where this began",
            "1 more operations wait behind these",
        ], hang.Witness);
        Assert.Equal([nested.Id, writer.Id], hang.Operations);
        Assert.Equal(1_200_000, hang.WaitedMicroseconds);
    }

    [Fact]
    public void It_is_reported_once_also_when_others_join()
    {
        Assert.Single(_detector.Twice(AllLive, Wait(1, [2]), Wait(2, [1])));
        Assert.Empty(_detector.Observe(At(2 * Second, AllLive, Wait(1, [2]), Wait(2, [1]), Wait(3, [1]))));
        Assert.Empty(
            _detector.Observe(At(
                9 * Second, AllLive,
                Wait(1, [2], waited: 9 * Second), Wait(2, [1], waited: 9 * Second), Wait(3, [1], waited: 8 * Second))));
    }

    [Fact]
    public void An_operation_behind_itself_is_a_deadlock()
    {
        var hang = Assert.Single(_detector.Twice(AllLive, Wait(1, [1])));
        Assert.Equal("op 0.1 (Fault) waits for itself, over slots_lock of vm-1", hang.Message);
        Assert.Equal([Id(1)], hang.Operations);
    }

    [Fact]
    public void A_cycle_across_actors_names_them()
    {
        var hang = Assert.Single(_detector.Twice(
            AllLive, Wait(1, [2], actor: "vm-1"), Wait(2, [3], actor: "host-0", lockClass: "mmap_lock", waitId: 1),
            Wait(3, [1], actor: "vm-2", waitId: 1)));
        Assert.Equal([Id(1), Id(2), Id(3)], hang.Operations);
        Assert.Equal(
            "op 0.2 (Fault) holds slots_lock (write) of vm-1 and waits for mmap_lock (write) of host-0, 1.0 s, behind:", hang.Witness[1]);
    }

    [Fact]
    public void An_actor_that_is_not_the_instance_is_named_beside_it()
    {
        var wait = Wait(1, [1]);
        wait = wait with { Actor = "silo-2", Wait = wait.Wait with { Instance = "mm-7" } };
        Assert.Contains(
            "slots_lock (write) of mm-7 (at silo-2), 1.0 s", Assert.Single(_detector.Twice(AllLive, wait)).Witness[0],
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_shortest_cycle_of_a_knot_is_the_witness() =>
        Assert.Equal(
            [Id(3), Id(4)],
            Assert.Single(_detector.Twice(AllLive, Wait(1, [2]), Wait(2, [3]), Wait(3, [4]), Wait(4, [3, 1]))).Operations);

    [Fact]
    public void Two_separate_cycles_are_two_deadlocks() =>
        Assert.Equal(2, _detector.Twice(AllLive, Wait(1, [2]), Wait(2, [1]), Wait(3, [4]), Wait(4, [3])).Count);

    [Fact]
    public void A_wait_that_was_interrupted_is_another_wait()
    {
        _detector.Observe(At(0, AllLive, Wait(1, [2], waitId: 7), Wait(2, [1], waitId: 8)));
        Assert.Empty(_detector.Observe(At(Second, AllLive, Wait(1, [2], waitId: 7), Wait(2, [1], waitId: 9))));
        Assert.Single(_detector.Observe(At(2 * Second, AllLive, Wait(1, [2], waitId: 7), Wait(2, [1], waitId: 9))));
    }

    [Fact]
    public void A_blocker_that_was_not_there_before_closes_no_cycle_yet()
    {
        _detector.Observe(At(0, AllLive, Wait(1, [3]), Wait(2, [1])));
        Assert.Empty(_detector.Observe(At(Second, AllLive, Wait(1, [2]), Wait(2, [1]))));
    }

    [Fact]
    public void The_same_wait_id_at_a_renewed_actor_is_another_wait()
    {
        _detector.Observe(At(0, AllLive, Wait(1, [1], waitId: 1)));
        Assert.Empty(_detector.Observe(At(Second, AllLive, Wait(2, [2], waitId: 1))));
    }

    [Fact]
    public void Time_that_goes_backwards_is_refused()
    {
        _detector.Observe(At(5, AllLive));
        Assert.Throws<ArgumentException>(() => _detector.Observe(At(4, AllLive)));
    }

    [Fact]
    public void Acyclic_waits_are_never_a_deadlock_however_long_they_last()
    {
        // Each waits only for operations of a higher number.
        Gen.Select(Gen.Int[1, 20], Gen.Int[1, 20]).Where(pair => pair.Item1 != pair.Item2).Array[0, 40].Sample(
            edges =>
            {
                var waits = edges.GroupBy(edge => Math.Min(edge.Item1, edge.Item2), edge => Math.Max(edge.Item1, edge.Item2))
                    .Select(group => Wait(group.Key, [.. group.Distinct()], waited: 60 * Second)).ToArray();
                Assert.DoesNotContain(new HangDetector().Twice(AllLive, waits), hang => hang.Kind == HangKind.Deadlock);
            },
            iter: 500);
    }

    [Fact]
    public void A_deadlock_is_reported_exactly_if_following_waits_leads_back()
    {
        Gen.Select(Gen.Int[1, 12], Gen.Int[1, 12]).Array[0, 24].Sample(
            edges =>
            {
                var waits = edges.GroupBy(edge => edge.Item1, edge => edge.Item2)
                    .Select(group => Wait(group.Key, [.. group.Distinct()])).ToArray();
                var hangs = new HangDetector().Twice(AllLive, waits).Where(hang => hang.Kind == HangKind.Deadlock).ToList();
                Assert.Equal(HasCycle(edges), hangs.Count > 0);
                foreach (var hang in hangs)
                {
                    // The witness is a cycle: each waits for the next.
                    var ring = hang.Operations.Append(hang.Operations[0]).Select(id => (int)id.Value).ToList();
                    Assert.All(ring.Zip(ring.Skip(1)), pair => Assert.Contains((pair.First, pair.Second), edges));
                    Assert.Equal(hang.Operations.Count, hang.Operations.Distinct().Count());
                }
            },
            iter: 500);
    }

    [Fact]
    public void Transient_waits_are_never_a_hang_whatever_circles_they_seem_to_form()
    {
        var edges = Gen.Select(Gen.Int[1, 8], Gen.Int[1, 8]).Array[0, 16];
        edges.Array[2, 8].Sample(
            rounds =>
            {
                var detector = new HangDetector();
                for (var round = 0; round < rounds.Length; round++)
                {
                    // No wait lasts for two rounds: the ids belong to their round.
                    var waits = rounds[round].GroupBy(edge => edge.Item1, edge => edge.Item2)
                        .Select(group => Wait(group.Key, [.. group.Distinct()], waitId: 100 * (round + 1) + group.Key, waited: 60 * Second))
                            .ToArray();
                    Assert.Empty(detector.Observe(At(round * Second, [], waits)));
                }
            },
            iter: 300);
    }

    private static bool HasCycle((int From, int To)[] edges)
    {
        var left = edges.ToList();
        while (left.RemoveAll(edge => !left.Exists(other => other.From == edge.To)) > 0)
        {
            // An operation that waits for one that does not wait gets through.
        }

        return left.Count > 0;
    }

    private static HangObservation Of(LockTestBed bed) => new(
        bed.World.NowMicroseconds, [.. bed.Domain.Waits().Select(wait => new ObservedWait("vm-1", wait))],
        new HashSet<OperationId>(Enumerable.Range(1, 9).Select(Id)), new Dictionary<string, long>());
}
