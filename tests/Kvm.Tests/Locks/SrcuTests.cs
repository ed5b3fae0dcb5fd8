using System.Diagnostics;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>synchronize_srcu waits for the sections that began before it, for all of them and for no others.</summary>
public sealed class SrcuTests
{
    private readonly LockTestBed _bed = new();
    private readonly Srcu _srcu;

    public SrcuTests() => _srcu = new Srcu(_bed.Domain, LockClasses.KvmSrcu, "vm-1");

    [Fact]
    public void Synchronize_waits_for_exactly_the_earlier_sections()
    {
        var (first, second, later) = (_bed.Op(), _bed.Op(), _bed.Op());
        var (one, two) = (_srcu.ReadLock(first), _srcu.ReadLock(second));
        var updater = _bed.Op(OperationKind.MemslotDelete);
        var synchronize = _bed.Start(() => _srcu.SynchronizeAsync(updater));
        _srcu.ReadLock(later);

        Assert.Equal([first.Id, second.Id], Assert.Single(_bed.Domain.Waits()).Blockers.Select(blocker => blocker.Operation));
        _srcu.ReadUnlock(second, two);
        _bed.Pump();
        Assert.False(synchronize.IsCompleted);
        _srcu.ReadUnlock(first, one);
        _bed.Pump();
        Assert.True(synchronize.IsCompletedSuccessfully);
        Assert.True(_srcu.HasReaders);
        Assert.Equal(first.Id, Assert.Single(_bed.World.LockWaits).Holder);
    }

    [Fact]
    public void Synchronize_without_sections_does_not_wait() => _bed.Take(() => _srcu.SynchronizeAsync(_bed.Op()));

    [Fact]
    public void Grace_periods_end_in_order_and_count_when_they_end()
    {
        var reader = _bed.Op();
        var index = _srcu.ReadLock(reader);
        var ended = new List<int>();
        for (var i = 0; i < 3; i++)
        {
            var number = i;
            _bed.Scheduler.Start(async Task () =>
            {
                await _srcu.SynchronizeAsync(_bed.Op());
                ended.Add(number);
            });
        }

        var statistics = _bed.Domain.StatisticsOf(LockClasses.KvmSrcu, LockMode.Write);
        Assert.Equal(0, statistics.Acquisitions);
        _bed.World.NowMicroseconds = 12;
        _srcu.ReadUnlock(reader, index);
        _bed.Pump();
        Assert.Equal([0, 1, 2], ended);
        Assert.Equal((3, 3, 36), (statistics.Acquisitions, statistics.Contentions, statistics.WaitTotal));
    }

    [Fact]
    public void An_operation_in_two_sections_stays_a_reader_until_both_have_ended()
    {
        var fault = _bed.Op();
        var (outer, inner) = (_srcu.ReadLock(fault), _srcu.ReadLock(fault));
        _srcu.ReadUnlock(fault, inner);
        Assert.True(fault.Held.Holds(LockClasses.KvmSrcu));
        _srcu.ReadUnlock(fault, outer);
        Assert.True(fault.Held.IsEmpty);
    }

    [Fact]
    public void Synchronize_inside_an_own_section_waits_for_itself()
    {
        var op = _bed.Op();
        _srcu.ReadLock(op);
        var synchronize = _bed.Start(() => _srcu.SynchronizeAsync(op));
        _bed.Pump();
        Assert.False(synchronize.IsCompleted);
        Assert.Equal(op.Id, Assert.Single(Assert.Single(_bed.Domain.Waits()).Blockers).Operation);
        Assert.NotEmpty(_bed.Domain.Order.PotentialCycles());
    }

    [Fact]
    public void Leaving_a_section_that_one_is_not_in_is_a_defect_of_the_model()
    {
        var op = _bed.Op();
        var index = _srcu.ReadLock(op);
        Assert.Throws<UnreachableException>(() => _srcu.ReadUnlock(_bed.Op(), index));
        _srcu.ReadUnlock(op, index);
        Assert.Throws<UnreachableException>(() => _srcu.ReadUnlock(op, index));
    }
}
