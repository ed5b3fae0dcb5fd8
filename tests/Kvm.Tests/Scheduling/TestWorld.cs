using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>A world in which the test sets the time. Points yield on request; the observer remembers violations and contended
/// waits.</summary>
internal sealed class TestWorld(TestScheduler scheduler, bool yieldAtPoints = false) : IWorld
{
    private readonly RecordingObserver _observer = new();
    private long _nextOperation;

    public TestScheduler Scheduler { get; } = scheduler;
    public long NowMicroseconds { get; set; }
    public int Cpu { get; set; }
    public IModelObserver Observer => _observer;
    public IReadOnlyList<Violation> Violations => _observer.Violations;
    public List<LockWait> LockWaits => _observer.LockWaits;
    public List<long> TurnWaits => _observer.TurnWaits;

    public Operation NewOperation(OperationKind? kind = null) =>
        new(new OperationId(++_nextOperation), kind ?? OperationKind.Fault);

    public ValueTask PointAsync(SchedulingPoint point) => yieldAtPoints ? Scheduler.YieldAsync() : ValueTask.CompletedTask;

    public ValueTask DelayAsync(long microseconds) => throw new NotSupportedException("locks let no time pass by themselves");

    public void Start(string name, Func<ValueTask> body) => throw new NotSupportedException("locks start no lane");

    private sealed class RecordingObserver : NullObserver
    {
        public List<LockWait> LockWaits { get; } = [];
        public List<long> TurnWaits { get; } = [];

        public override void LockWaited(in LockWait wait) => LockWaits.Add(wait);
        public override void TurnWaited(long microseconds) => TurnWaits.Add(microseconds);
    }
}
