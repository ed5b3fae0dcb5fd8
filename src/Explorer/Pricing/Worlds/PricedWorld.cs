using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Worlds;

/// <summary>
/// A world in which steps have prices and threads have CPUs: one thread of the machine, virtual nanoseconds, discrete events. The model
/// runs in it unchanged. What a thread does between two scheduling points it does at once in the model, and is charged for; at the next
/// point the charges take their time, in their order, while other threads run. So every lock is asked for at the right moment, and given
/// back when what was done under it has had its time. Nothing is drawn here: the same threads and prices give the same events. Simplified:
/// what a thread changes between two points is visible at the beginning of their charges; locks are not.
/// </summary>
public sealed partial class PricedWorld : IWorld
{
    private const long RetryNanosecondsMin = 50;

    private readonly PriorityQueue<(PricedThread Thread, int Stamp), UInt128> _events = new();
    private readonly List<PricedThread> _threads = [];
    private readonly Stopper _observer;
    private readonly Cpus _cpus;
    private readonly int _cpuCount;
    private PricedPoint? _spare;
    private Exception? _failure;
    private ulong _order;
    private bool _isRunning;
    private bool _isStopped;
    private int _alive;
    private long _end;

    /// <param name="prices">what steps cost</param>
    /// <param name="cpus">CPUs of the host</param>
    /// <param name="nodes">nodes that they are in, evenly</param>
    public PricedWorld(PriceList prices, int cpus, int nodes = 1)
    {
        (Prices, _cpuCount) = (prices, cpus);
        _cpus = new Cpus(cpus, nodes);
        _observer = new Stopper();
    }

    public PriceList Prices { get; }

    /// <summary>A bit for each price that was ever asked for.</summary>
    public ulong PricesUsed { get; private set; }

    /// <summary>Virtual time in nanoseconds.</summary>
    public long Now { get; private set; }

    public long NowMicroseconds => Now / 1_000;

    /// <summary>Scheduling points that threads have come to.</summary>
    public long Steps { get; private set; }

    /// <summary>Charges that had their time or their effect.</summary>
    public long Charges { get; private set; }

    /// <summary>Of every scheduling point with its time and thread: two runs with the same events have the same.</summary>
    public ulong Hash { get; private set; }

    public long Progress => Steps;
    public IModelObserver Observer => _observer;
    public IReadOnlyList<Violation> Violations => _observer.Violations;
    public IReadOnlyList<PricedThread> Threads => _threads;
    public ReachedCounts? ReachedCounts => null;

    /// <summary>The thread that runs now; null while the scene is set up.</summary>
    public PricedThread? Current { get; private set; }

    /// <summary>Every thread has ended.</summary>
    public bool IsOver => _alive == 0;

    IModelTrace? IWorld.Trace => this;
    SynchronizationContext? IWorld.WaitingContext => Current;

    /// <summary>Adds a thread that begins after <paramref name="delay"/> nanoseconds.</summary>
    public PricedThread Start(string name, Func<ValueTask> body, long delay = 0)
    {
        var thread = new PricedThread(this, _threads.Count, name, body) { NeedsCpu = true };
        _threads.Add(thread);
        _alive++;
        thread.Continuations.Enqueue(new Continuation(BeginThread, thread));
        Schedule(thread, Now + delay);
        return thread;
    }

    void IWorld.Start(string name, Func<ValueTask> body) => Start(name, body);

    /// <summary>Sets the scene: takes no time, and nothing may wait.</summary>
    /// <exception cref="InvalidOperationException">It waits.</exception>
    public static void SetUp(ValueTask work)
    {
        if (!work.IsCompleted) throw new InvalidOperationException("what sets a priced scene up waits for something");
        work.GetAwaiter().GetResult();
    }

    /// <summary>Runs until the time is over, all threads have ended, none can go on, or a check is violated.</summary>
    /// <param name="nanoseconds">virtual time</param>
    /// <param name="interrupt">ends the run before its time</param>
    /// <exception cref="InvalidOperationException">A thread failed: a defect of the model or of a protocol.</exception>
    /// <exception cref="OperationCanceledException">Interrupted.</exception>
    public void Run(long nanoseconds, CancellationToken interrupt = default)
    {
        _end = nanoseconds;
        var outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        using var flow = ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow();
        try
        {
            while (!_observer.IsStopped && !_isStopped && _failure is null && _events.TryPeek(out var next, out var key))
            {
                if ((long)(key >> 64) > _end) break;
                interrupt.ThrowIfCancellationRequested();
                _events.Dequeue();
                if (next.Stamp != next.Thread.Stamp) continue;
                Now = (long)(key >> 64);
                next.Thread.IsScheduled = false;
                Advance(next.Thread);
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
            Current = null;
        }

        if (_failure is not null) throw new InvalidOperationException($"a thread failed: {_failure.Message}", _failure);
        if (!IsOver && !_isStopped && !_observer.IsStopped && _events.Count > 0) Now = _end;
        foreach (var thread in _threads) Settle(thread);
    }

    /// <summary>The run is over: what it was for is done.</summary>
    public void Stop() => _isStopped = true;

    public ValueTask PointAsync(SchedulingPoint point)
    {
        if (Current is not { } thread) return ValueTask.CompletedTask;
        Steps++;
        Hash = SeededRandom.Mix(Hash ^ ((ulong)Now << 20) ^ ((ulong)thread.Id << 4) ^ (ulong)point);
        thread.Spins = false;
        // A loop without progress must not stand in one moment.
        if (point == SchedulingPoint.Retry && !thread.HasCharges) thread.AddWork(RetryNanosecondsMin, Account.Work);
        var isRunning = _isRunning;
        _isRunning = false;
        var isDone = thread.State == ThreadState.Running && !thread.IsScheduled && Drain(thread);
        _isRunning = isRunning;
        return isDone ? ValueTask.CompletedTask : NewPoint().Wait();
    }

    /// <summary>The mm works; on its CPU.</summary>
    public ValueTask DelayAsync(long microseconds) => WorkAsync(microseconds * 1_000, Account.Work);

    ValueTask IWorld.SleepAsync(long microseconds, Wakeup wakeup) => PauseAsync(Math.Min(microseconds, Wakeup.LookMicroseconds) * 1_000);

    /// <summary>The thread that runs now works for so long.</summary>
    public ValueTask WorkAsync(long nanoseconds, Account account = Account.Work)
    {
        Current?.AddWork(nanoseconds, account);
        return PointAsync(SchedulingPoint.Yield);
    }

    /// <summary>The thread that runs now is without a CPU for so long.</summary>
    public ValueTask PauseAsync(long nanoseconds)
    {
        Current?.Add(new Charge { Kind = ChargeKind.Pause, Account = Account.Sleep, Nanoseconds = Math.Max(1, nanoseconds) });
        return PointAsync(SchedulingPoint.Yield);
    }

    /// <summary>The thread that runs now has made a step that it has not been charged for.</summary>
    public void Charge(Price price, Account account = Account.Work, long count = 1) =>
        Current?.AddWork(CostOf(price) * count, account);

    /// <summary>In nanoseconds.</summary>
    internal long CostOf(Price price)
    {
        PricesUsed |= 1UL << (int)price;
        return Prices[price];
    }

    internal void OnPoint(Continuation continuation) => Current!.Continuations.Enqueue(continuation);

    internal void Return(PricedPoint point)
    {
        point.NextSpare = _spare;
        _spare = point;
    }

    private PricedPoint NewPoint()
    {
        if (_spare is not { } point) return new PricedPoint(this);
        _spare = point.NextSpare;
        return point;
    }

    private static readonly Action<object?> BeginThread = static thread => ((PricedThread)thread!).World.Begin((PricedThread)thread);

    private async void Begin(PricedThread thread)
    {
        try
        {
            await thread.Body();
        }
        catch (Exception exception)
        {
            _failure ??= exception;
        }

        thread.IsOver = true;
    }

    /// <summary>Ends the run at the first violation.</summary>
    private sealed class Stopper : NullObserver
    {
        public bool IsStopped { get; private set; }

        public override void Violated(Violation violation)
        {
            IsStopped = true;
            base.Violated(violation);
        }
    }
}
