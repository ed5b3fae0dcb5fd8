#pragma warning disable RS0030 // a cell says what is read and written
using System.Diagnostics;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// <c>struct srcu_struct</c>: read sections never wait; <see cref="SynchronizeAsync"/> returns when every section that began before it has
/// ended. It excludes no operation, and does not cover the time between two sections of one operation.
/// </summary>
[Untracked("a lock is a cell: it says itself when sections begin and end and when they are waited for")]
public sealed class Srcu : IWaitable
{
    private readonly LockDomain _domain;
    private readonly LockClass _class;
    private readonly string _instance;
    private readonly Place _place;

    // Both in order of their beginning, because entries are only ever added at the end.
    private ShortList<Section> _sections;
    // Made for the first waiter.
    private List<GracePeriod>? _gracePeriods;
    private long _nextSection;

    public Srcu(LockDomain domain, LockClass lockClass, string instance)
    {
        _domain = domain;
        _class = lockClass;
        _instance = instance;
        domain.Register(this);
        _place = new Place(domain.World);
    }

    /// <summary>Counts as a write: sections begin and end as reads, and this tells whether they did.</summary>
    public bool HasReaders
    {
        get
        {
            _place.Writes();
            return _sections.Count > 0;
        }
    }

    /// <summary><c>srcu_read_lock</c>; pass the returned index to <see cref="ReadUnlock"/>.</summary>
    public long ReadLock(Operation op)
    {
        // Entering never waits, so it needs no order edge as a waiter; as something held it does.
        StatisticsOf(LockMode.Read).Acquisitions++;
        op.Held = op.Held.With(_class, LockMode.Read);
        Enters();
        _sections.Add(new Section(++_nextSection, op.Id, op.Kind, _domain.World.NowMicroseconds));
        return _nextSection;
    }

    /// <exception cref="UnreachableException">The operation is in no such section: a defect of the model, never of a protocol.</exception>
    public void ReadUnlock(Operation op, long index)
    {
        var position = PositionOf(index);
        if (position < 0 || _sections[position].Operation != op.Id)
            throw new UnreachableException($"{op} leaves section {index} of {_class} of {_instance} without being in it");
        var now = _domain.World.NowMicroseconds;
        StatisticsOf(LockMode.Read).AddHold(now - _sections[position].SinceMicroseconds);
        _sections.RemoveAt(position);
        foreach (var period in _gracePeriods ?? [])
            if (period.Waiter.FirstBlockerUntil == 0 && period.Waiter.FirstBlocker == op.Id) period.Waiter.FirstBlockerUntil = now;
        Enters();
        // A callback's section lies inside that of the fault that ran it from GUP: the class stays held until the last one ends.
        if (!IsReader(op.Id)) op.Held = op.Held.Without(_class, LockMode.Read);
        while (_gracePeriods is { Count: > 0 } periods && (_sections.Count == 0 || _sections[0].Index > periods[0].LastSection))
            EndFirst(periods, now);
    }

    /// <summary><c>synchronize_srcu</c>: waits for every section begun earlier.</summary>
    public ValueTask SynchronizeAsync(Operation op)
    {
        _domain.BeforeAcquire(op, _class, LockMode.Write, _instance, alreadyHoldsInstance: IsReader(op.Id));
        var point = _domain.World.PointAsync(SchedulingPoint.LockAcquire);
        if (!point.IsCompletedSuccessfully) return SynchronizeAfterAsync(point, op);
        return HasGracePeriod() ? ValueTask.CompletedTask : WaitAsync(op);
    }

    private async ValueTask SynchronizeAfterAsync(ValueTask point, Operation op)
    {
        await point;
        if (!HasGracePeriod()) await WaitAsync(op);
    }

    /// <summary>There is no reader to wait for.</summary>
    private bool HasGracePeriod()
    {
        _place.Writes();
        if (_sections.Count > 0) return false;
        StatisticsOf(LockMode.Write).Acquisitions++;
        return true;
    }

    private async ValueTask WaitAsync(Operation op)
    {
        var waiter = new Waiter(_domain.World)
        {
            WaitId = _domain.NextWaitId(),
            Operation = op,
            Mode = LockMode.Write,
            SinceMicroseconds = _domain.World.NowMicroseconds,
            FirstBlocker = _sections[0].Operation,
            FirstBlockerKind = _sections[0].Kind,
            FirstBlockerSince = _sections[0].SinceMicroseconds,
        };
        (_gracePeriods ??= []).Add(new GracePeriod(_nextSection, waiter));
        await waiter.Task;
        _domain.World.Observer.TurnWaited(_domain.World.NowMicroseconds - waiter.GrantedMicroseconds);
    }

    public void AddWaits(List<WaitSnapshot> waits)
    {
        var now = _domain.World.NowMicroseconds;
        foreach (var period in _gracePeriods ?? [])
        {
            var readers = new List<WaitBlocker>();
            for (var i = 0; i < _sections.Count && _sections[i].Index <= period.LastSection; i++)
                readers.Add(new WaitBlocker(_sections[i].Operation, _sections[i].Kind, LockMode.Read, Queued: false));
            waits.Add(new WaitSnapshot(
                period.Waiter.WaitId, period.Waiter.Operation.Id, period.Waiter.Operation.Kind, _class.Name, _instance, LockMode.Write,
                now - period.Waiter.SinceMicroseconds, readers));
        }
    }

    private void EndFirst(List<GracePeriod> periods, long now)
    {
        var waiter = periods[0].Waiter;
        periods.RemoveAt(0);
        StatisticsOf(LockMode.Write).Acquisitions++;
        StatisticsOf(LockMode.Write).AddWait(now - waiter.SinceMicroseconds);
        _domain.World.Observer.LockWaited(new LockWait(
            _class, _instance, LockMode.Write, waiter.Operation.Id, waiter.Operation.Kind, waiter.FirstBlocker, waiter.FirstBlockerKind,
            now - waiter.SinceMicroseconds)
        {
            HolderSince = waiter.FirstBlockerSince,
            HolderUntil = waiter.FirstBlockerUntil > 0 ? waiter.FirstBlockerUntil : now,
        });
        waiter.Complete(now);
    }

    /// <summary>Sections do not conflict with each other, unless an operation waits for them.</summary>
    private void Enters()
    {
        if (_gracePeriods is { Count: > 0 }) _place.Writes();
        else _place.Reads();
    }

    private LockStatistics StatisticsOf(LockMode mode) => _domain.StatisticsOf(_class, mode);

    private int PositionOf(long index)
    {
        for (var i = 0; i < _sections.Count; i++)
            if (_sections[i].Index == index) return i;
        return -1;
    }

    private bool IsReader(OperationId op)
    {
        for (var i = 0; i < _sections.Count; i++)
            if (_sections[i].Operation == op) return true;
        return false;
    }

    private readonly record struct Section(long Index, OperationId Operation, OperationKind Kind, long SinceMicroseconds);

    private readonly record struct GracePeriod(long LastSection, Waiter Waiter);
}
