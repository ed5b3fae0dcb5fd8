using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// <c>struct srcu_struct</c>: read sections never wait; <see cref="SynchronizeAsync"/> returns when every section that began before it
/// has ended. It excludes nobody, and knows nothing of what happens between two sections of one operation.
/// </summary>
public sealed class Srcu : IWaitable
{
    private readonly LockDomain _domain;
    private readonly LockClass _class;
    private readonly string _instance;
    private readonly LockStatistics _readStatistics;
    private readonly LockStatistics _writeStatistics;
    private readonly List<Section> _sections = [];
    private readonly List<GracePeriod> _gracePeriods = [];
    private long _nextSection;

    public Srcu(LockDomain domain, LockClass lockClass, string instance)
    {
        _domain = domain;
        _class = lockClass;
        _instance = instance;
        _readStatistics = domain.StatisticsOf(lockClass, LockMode.Read);
        _writeStatistics = domain.StatisticsOf(lockClass, LockMode.Write);
        domain.Register(this);
    }

    public bool HasReaders => _sections.Count > 0;

    /// <summary><c>srcu_read_lock</c>; pass the returned index to <see cref="ReadUnlock"/>.</summary>
    public long ReadLock(Operation op)
    {
        // Entering never waits, so it needs no order edge as a waiter; as something held it does.
        _readStatistics.Acquisitions++;
        op.Held = op.Held.With(_class, LockMode.Read);
        _sections.Add(new Section(++_nextSection, op.Id, op.Kind, _domain.World.NowMicroseconds));
        return _nextSection;
    }

    public void ReadUnlock(Operation op, long index)
    {
        var position = _sections.FindIndex(section => section.Index == index);
        var now = _domain.World.NowMicroseconds;
        _readStatistics.AddHold(now - _sections[position].SinceMicroseconds);
        _sections.RemoveAt(position);
        op.Held = op.Held.Without(_class, LockMode.Read);
        for (var i = _gracePeriods.Count - 1; i >= 0; i--)
        {
            if (_sections.Exists(section => section.Index <= _gracePeriods[i].LastSection)) continue;
            var done = _gracePeriods[i];
            _gracePeriods.RemoveAt(i);
            _writeStatistics.AddWait(now - done.Waiter.SinceMicroseconds);
            done.Waiter.Complete(now);
        }
    }

    /// <summary><c>synchronize_srcu</c>: waits for every section begun earlier.</summary>
    public async ValueTask SynchronizeAsync(Operation op)
    {
        _domain.BeforeAcquire(op, _class, LockMode.Write, _instance, alreadyHoldsInstance: _sections.Exists(section => section.Operation == op.Id));
        var point = _domain.World.PointAsync(SchedulingPoint.LockAcquire);
        if (!point.IsCompletedSuccessfully) await point;
        _writeStatistics.Acquisitions++;
        if (_sections.Count == 0) return;
        var waiter = new Waiter
        {
            WaitId = _domain.NextWaitId(),
            Operation = op,
            Mode = LockMode.Write,
            SinceMicroseconds = _domain.World.NowMicroseconds,
        };
        _gracePeriods.Add(new GracePeriod(_nextSection, waiter));
        await waiter.Task;
    }

    public void AddWaits(List<WaitSnapshot> waits)
    {
        var now = _domain.World.NowMicroseconds;
        foreach (var period in _gracePeriods)
        {
            var readers = _sections.Where(section => section.Index <= period.LastSection)
                .Select(section => new WaitBlocker(section.Operation, section.Kind, LockMode.Read, Queued: false)).ToList();
            waits.Add(new WaitSnapshot(
                period.Waiter.WaitId, period.Waiter.Operation.Id, period.Waiter.Operation.Kind, _class.Name, _instance, LockMode.Write,
                now - period.Waiter.SinceMicroseconds, readers));
        }
    }

    private readonly record struct Section(long Index, OperationId Operation, OperationKind Kind, long SinceMicroseconds);

    private readonly record struct GracePeriod(long LastSection, Waiter Waiter);
}
