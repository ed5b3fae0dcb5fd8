using System.Diagnostics;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>Fairness is the whole difference between the two flavours, and the whole trouble of the seed.</summary>
public sealed class RwSemaphoreTests
{
    private readonly LockTestBed _bed = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_reader_queues_behind_a_queued_writer_only_when_fair(bool fair)
    {
        var rwsem = _bed.Rwsem(fair);
        var (reader, writer, late) = (_bed.Op(), _bed.Op(), _bed.Op());
        _bed.Take(() => rwsem.DownReadAsync(reader));
        var write = _bed.Start(() => rwsem.DownWriteAsync(writer));
        var read = _bed.Start(() => rwsem.DownReadAsync(late));
        _bed.Pump();
        Assert.False(write.IsCompleted);
        Assert.Equal(!fair, read.IsCompleted);
    }

    [Fact]
    public void Release_hands_over_in_the_same_step_so_that_nobody_slips_in()
    {
        var rwsem = _bed.Rwsem();
        var (first, waiting, newcomer) = (_bed.Op(), _bed.Op(), _bed.Op());
        _bed.Take(() => rwsem.DownWriteAsync(first));
        var handedOver = _bed.Start(() => rwsem.DownWriteAsync(waiting));
        rwsem.UpWrite(first);

        // The woken has not run yet, and already owns the lock.
        Assert.False(handedOver.IsCompleted);
        Assert.True(rwsem.IsHeldBy(waiting.Id));
        var late = _bed.Start(() => rwsem.DownReadAsync(newcomer));
        _bed.Pump();
        Assert.True(handedOver.IsCompletedSuccessfully);
        Assert.True(waiting.Held.Holds(LockClasses.NotifierSlotsLock));
        Assert.False(late.IsCompleted);
    }

    [Fact]
    public void A_released_writer_lets_all_readers_up_to_the_next_writer_in()
    {
        var rwsem = _bed.Rwsem();
        var writer = _bed.Op();
        _bed.Take(() => rwsem.DownWriteAsync(writer));
        var before = new[] { _bed.Op(), _bed.Op() }.Select(op => _bed.Start(() => rwsem.DownReadAsync(op))).ToList();
        var next = _bed.Start(() => rwsem.DownWriteAsync(_bed.Op()));
        var after = _bed.Start(() => rwsem.DownReadAsync(_bed.Op()));
        rwsem.UpWrite(writer);
        _bed.Pump();
        Assert.All(before, read => Assert.True(read.IsCompletedSuccessfully));
        Assert.False(next.IsCompleted);
        Assert.False(after.IsCompleted);
    }

    [Fact]
    public void A_nested_read_under_a_queued_writer_never_completes_and_its_waits_form_a_cycle()
    {
        var rwsem = _bed.Rwsem();
        var (nested, writer) = (_bed.Op(HostEventKind.NestedRange), _bed.Op(OperationKind.MemslotCreate));
        _bed.Take(() => rwsem.DownReadAsync(nested));
        var write = _bed.Start(() => rwsem.DownWriteAsync(writer));
        var read = _bed.Start(() => rwsem.DownReadAsync(nested));
        _bed.World.NowMicroseconds = 77;
        _bed.Pump();

        Assert.False(write.IsCompleted);
        Assert.False(read.IsCompleted);
        var waits = _bed.Domain.Waits();
        Assert.Equal([writer.Id, nested.Id], waits.Select(wait => wait.Waiter));
        Assert.Equal([new WaitBlocker(nested.Id, nested.Kind, LockMode.Read, Queued: false)], waits[0].Blockers);
        Assert.Equal([new WaitBlocker(writer.Id, writer.Kind, LockMode.Write, Queued: true)], waits[1].Blockers);
        Assert.All(waits, wait => Assert.Equal(77, wait.WaitedMicroseconds));
    }

    [Fact]
    public void Unfair_nested_reads_complete_and_the_writer_enters_after_the_last()
    {
        var rwsem = _bed.Rwsem(fair: false);
        var (nested, writer) = (_bed.Op(), _bed.Op());
        _bed.Take(() => rwsem.DownReadAsync(nested));
        var write = _bed.Start(() => rwsem.DownWriteAsync(writer));
        _bed.Take(() => rwsem.DownReadAsync(nested));
        rwsem.UpRead(nested);
        _bed.Pump();
        Assert.False(write.IsCompleted);
        Assert.True(nested.Held.Holds(LockClasses.NotifierSlotsLockUnfair));
        rwsem.UpRead(nested);
        _bed.Pump();
        Assert.True(write.IsCompletedSuccessfully);
        Assert.True(nested.Held.IsEmpty);
    }

    [Fact]
    public void A_waiter_names_holders_and_the_queue_up_to_the_nearest_writer()
    {
        var rwsem = _bed.Rwsem();
        var ops = Enumerable.Range(0, 6).Select(_ => _bed.Op()).ToList();
        _bed.Take(() => rwsem.DownReadAsync(ops[0]));
        _bed.Start(() => rwsem.DownWriteAsync(ops[1]));
        _bed.Start(() => rwsem.DownReadAsync(ops[2]));
        _bed.Start(() => rwsem.DownReadAsync(ops[3]));
        _bed.Start(() => rwsem.DownWriteAsync(ops[4]));
        _bed.Start(() => rwsem.DownReadAsync(ops[5]));
        Assert.Equal(
            ["2: 1h", "3: 2q", "4: 2q", "5: 1h 4q 3q 2q", "6: 5q"],
            _bed.Domain.Waits().Select(wait => $"{wait.Waiter.Count}: " + string.Join(
                ' ', wait.Blockers.Select(blocker => $"{blocker.Operation.Count}{(blocker.Queued ? "q" : "h")}"))));
    }

    [Fact]
    public void A_read_may_be_released_by_another_call_of_the_same_operation()
    {
        var rwsem = _bed.Rwsem();
        var start = _bed.Op();
        _bed.Take(() => rwsem.DownReadAsync(start));
        var end = Operation.From(start.Context);
        rwsem.UpRead(end);
        Assert.False(rwsem.IsHeld);
        Assert.True(end.Held.IsEmpty);
    }

    [Fact]
    public void Init_forgets_holders_but_never_waiters()
    {
        var rwsem = _bed.Rwsem();
        var dead = _bed.Op();
        _bed.Take(() => rwsem.DownReadAsync(dead));
        var writer = _bed.Op();
        var write = _bed.Start(() => rwsem.DownWriteAsync(writer));
        Assert.False(rwsem.TryInit());
        Assert.True(rwsem.IsHeldBy(dead.Id));
        rwsem.UpRead(dead);
        _bed.Pump();
        Assert.True(write.IsCompletedSuccessfully);
        Assert.True(rwsem.TryInit());
        _bed.Take(() => rwsem.DownWriteAsync(_bed.Op()));
    }

    [Fact]
    public void Releasing_what_is_not_held_is_a_defect_of_the_model()
    {
        var rwsem = _bed.Rwsem();
        var op = _bed.Op();
        _bed.Take(() => rwsem.DownReadAsync(op));
        Assert.Throws<UnreachableException>(() => rwsem.UpWrite(op));
        Assert.Throws<UnreachableException>(() => rwsem.UpRead(_bed.Op()));
    }

    [Fact]
    public void A_contended_wait_is_told_to_the_observer_and_apart_from_it_the_wait_for_the_turn()
    {
        var rwsem = _bed.Rwsem();
        var (holder, waiter) = (_bed.Op(HostEventKind.Unmap), _bed.Op(OperationKind.MemslotMove));
        _bed.Take(() => rwsem.DownReadAsync(holder));
        _bed.Start(() => rwsem.DownWriteAsync(waiter));
        _bed.World.NowMicroseconds = 30;
        rwsem.UpRead(holder);
        _bed.World.NowMicroseconds = 35;
        _bed.Pump();
        Assert.Equal(
            [
                new LockWait(LockClasses.NotifierSlotsLock, "vm-1", LockMode.Write, waiter.Id, waiter.Kind, holder.Id, holder.Kind, 30)
                {
                    HolderUntil = 30,
                },
            ],
            _bed.World.LockWaits);
        Assert.Equal([5], _bed.World.TurnWaits);
    }
}
