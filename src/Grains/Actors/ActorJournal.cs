using Livebed.Grains.Contracts;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>
/// What every actor of the cluster has beside its model object: its world, the operations that run in it, and what it has to tell the
/// driver the next time it is asked. Confined to the actor's turns. The history is bounded: entries without room are counted.
/// </summary>
internal sealed class ActorJournal
{
    private const int HistoryMax = 20_000;
    private const int ViolationsMax = 256;
    private const int GuestRunsMax = 10_000;

    private readonly string _actor;
    private readonly string _silo;
    private readonly RunningClock _running;
    private readonly List<HistoryEntry> _history = [];
    private readonly List<Violation> _violations = [];
    private readonly List<GuestRunsEntry> _guestRuns = [];
    private readonly Dictionary<OperationId, int> _live = [];
    private readonly BoardEntry _board;
    private long _historyDropped;
    private int _edgesTold;

    // What the figures of reports leave out: what was counted before they began.
    private ActorCounters _countersBefore = new();
    private long[] _reachedBefore = new long[ReachedCase.All.Count];
    private long _measuredSince;

    public ActorJournal(ActorSilo silo, string actor)
    {
        var (telemetry, options) = (silo.Telemetry, silo.Options);
        _board = new BoardEntry(actor, silo.Board);
        _actor = actor;
        _silo = telemetry.Silo;
        _running = telemetry.Running;
        Observer = telemetry.Observe(actor, Violated, GuestRuns);
        World = new ClusterWorld(
            Observer, telemetry.Time, preemptionSeed: options.PreemptionSeed(actor), preemptionShare: options.PreemptionShare,
            running: _running)
        {
            Board = _board,
            Alarms = silo.Alarms,
        };
        _measuredSince = World.NowMicroseconds;
    }

    public TelemetryObserver Observer { get; }
    public ClusterWorld World { get; }
    public string? Failure { get; private set; }
    public IEnumerable<OperationId> LiveOperations => _live.Keys;

    /// <summary>The actor is there: what it reports when its silo's board asks.</summary>
    public void Join(Func<long, ActorReport> report) => _board.Join(report);

    /// <summary>The actor goes; its last report has been made.</summary>
    public void Leave() => _board.Leave();

    /// <summary>There is news; see <see cref="BoardEntry.Changed"/>.</summary>
    public void Changed() => _board.Changed();

    /// <summary>A call that may wait, or count, until it ends.</summary>
    public ValueTask<T> DuringAsync<T>(ValueTask<T> call)
    {
        if (!call.IsCompleted) return AwaitAsync(call);
        Changed();
        return call;
    }

    /// <inheritdoc cref="DuringAsync{T}"/>
    public ValueTask DuringAsync(ValueTask call)
    {
        if (!call.IsCompleted) return AwaitAsync(call);
        Changed();
        return call;
    }

    /// <summary>As <see cref="DuringAsync{T}"/>, for what is asynchronous anyway.</summary>
    public void Begins() => _board.Begins();

    public void Ends() => _board.Ends();

    /// <summary>Something of the bed itself broke; the run cannot be trusted any more.</summary>
    public void Failed(Exception exception)
    {
        Failure ??= $"{_actor} on {_silo}: {exception.GetType().Name}: {exception.Message}";
        Changed();
    }

    /// <summary>Runs a command of the driver: it is live, in the history, and its telemetry belongs to the caller's span.</summary>
    public async Task<T> RunAsync<T>(Operation op, Func<ValueTask<T>> command, Func<T, (string Type, string? Value)> outcome)
    {
        Record(op, "invoke", null);
        Began(op.Id);
        try
        {
            using var scope = Observer.Enter(op);
            var result = await command();
            var (type, value) = outcome(result);
            Record(op, type, value);
            return result;
        }
        catch (Exception exception)
        {
            // Unknown how far it came: info, and the bed's own failure.
            Record(op, "info", exception.Message);
            Failed(exception);
            throw;
        }
        finally
        {
            Ended(op.Id);
        }
    }

    public void Began(OperationId op)
    {
        _live[op] = _live.GetValueOrDefault(op) + 1;
        Changed();
    }

    public void Ended(OperationId op)
    {
        if (--_live[op] == 0) _live.Remove(op);
        Changed();
    }

    /// <summary>The next report; violations, history and starts of guests leave with it. If its figures count from before
    /// <paramref name="measuredFrom"/>, those of the next begin now.</summary>
    public ActorReport Report(
        ActorCounters counters, IReadOnlyList<LockDomain> domains, IEnumerable<WaitSnapshot> waits, IEnumerable<OperationId> live,
        long measuredFrom = 0)
    {
        var locks = domains.SelectMany(
            domain => domain.Statistics.Select(entry => new LockReport(entry.Class.Name, entry.Mode, entry.Statistics.Copy()))).ToList();
        var report = new ActorReport
        {
            Actor = _actor,
            Silo = _silo,
            MeasuredSince = _measuredSince,
            Counters = counters - _countersBefore,
            Progress = counters.Progress,
            Reached = ReachedReport.From(World.ReachedCounts, _reachedBefore),
            Running = _running.Read(),
            Locks = locks,
            LockOrder = NewEdges(domains),
            WrittenClasses = domains.Aggregate(0UL, (classes, domain) => classes | domain.Order.WrittenClasses),
            Waits = [.. waits],
            LiveOperations = [.. LiveOperations.Concat(live).Where(op => !op.IsNone).Select(op => op.Value).Distinct()],
            Violations = TakeViolations(),
            History = [.. _history],
            GuestRuns = [.. _guestRuns],
            HistoryDropped = _historyDropped,
            Failure = Failure,
        };
        _history.Clear();
        _guestRuns.Clear();
        if (_measuredSince < measuredFrom) CountAnew(counters, domains);
        return report;
    }

    private void CountAnew(ActorCounters counters, IReadOnlyList<LockDomain> domains)
    {
        (_countersBefore, _reachedBefore, _measuredSince) = (counters, World.ReachedCounts.ToArray(), World.NowMicroseconds);
        foreach (var domain in domains) domain.ClearStatistics();
    }

    private IReadOnlyList<LockEdgeReport> NewEdges(IReadOnlyList<LockDomain> domains)
    {
        var edges = domains.Sum(domain => domain.Order.Edges.Count);
        if (edges == _edgesTold) return [];
        _edgesTold = edges;
        return [.. domains.SelectMany(domain => LockEdgeReport.From(domain.Order))];
    }

    private async ValueTask<T> AwaitAsync<T>(ValueTask<T> call)
    {
        Begins();
        try
        {
            return await call;
        }
        finally
        {
            Ends();
        }
    }

    private async ValueTask AwaitAsync(ValueTask call)
    {
        Begins();
        try
        {
            await call;
        }
        finally
        {
            Ends();
        }
    }

    /// <summary>The one thing that may come from another thread: a vCPU beside its host judges its accesses itself.</summary>
    private void Violated(Violation violation)
    {
        lock (_violations)
            if (_violations.Count < ViolationsMax)
                _violations.Add(violation);
        Changed();
    }

    /// <summary>Two entries for each migration: more than there is room for means that no driver asks any more.</summary>
    private void GuestRuns(GuestRunsEntry entry)
    {
        if (_guestRuns.Count < GuestRunsMax) _guestRuns.Add(entry);
        else _historyDropped++;
        Changed();
    }

    private Violation[] TakeViolations()
    {
        lock (_violations)
        {
            Violation[] taken = [.. _violations];
            _violations.Clear();
            return taken;
        }
    }

    private void Record(Operation op, string type, string? value)
    {
        Changed();
        if (_history.Count >= HistoryMax)
        {
            _historyDropped++;
            return;
        }

        _history.Add(new HistoryEntry(World.NowMicroseconds, type, op.Kind.Name, op.Id.Value, value));
    }
}
