using HdrHistogram;
using Livebed.Driver.Results;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// Adds up what actors report. Reports count from an actor's beginning, so the latest of each living actor and the last of each dead one
/// are the whole. Safe from any thread.
/// </summary>
internal sealed class ReportLedger
{
    private const int ViolationsMax = 100;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, ActorReport> _living = new(StringComparer.Ordinal);
    private readonly HashSet<string> _dead = new(StringComparer.Ordinal);
    private ActorCounters _deadCounters = new();
    private readonly long[] _deadReached = new long[ReachedCase.All.Count];
    private readonly Dictionary<LockPlace, LockStatistics> _deadLocks = [];
    private readonly LockOrderGraph _order = new();
    private readonly LongHistogram _deadFaults = LatencyHistogram.Empty();
    private readonly LongHistogram _deadRefills = LatencyHistogram.Empty();
    private readonly LongHistogram _deadTurns = LatencyHistogram.Empty();
    private readonly List<(string Silo, Violation Violation)> _violations = [];
    private readonly SortedDictionary<string, string> _failures = new(StringComparer.Ordinal);
    private long _violationCount;
    private readonly Dictionary<int, GuestFigures> _deadGuests = [];
    private long _historyDropped;
    private long _teardowns;
    private long _measuredFrom;

    /// <summary>VMs that were destroyed under load.</summary>
    public long Teardowns
    {
        get
        {
            lock (_gate) return _teardowns;
        }
    }

    public long ViolationCount => Interlocked.Read(ref _violationCount);

    /// <summary>Forgets all figures, and leaves those out that count from before this monotonic time; what was found stays.</summary>
    public void MeasureFrom(long monotonicMicroseconds)
    {
        lock (_gate)
        {
            _measuredFrom = monotonicMicroseconds;
            (_deadCounters, _teardowns) = (new(), 0);
            Array.Clear(_deadReached);
            _deadLocks.Clear();
            _deadGuests.Clear();
            foreach (var histogram in new[] { _deadFaults, _deadRefills, _deadTurns }) histogram.Reset();
            foreach (var (actor, report) in _living.ToList()) _living[actor] = Measured(report);
        }
    }

    public void Update(ActorReport report)
    {
        lock (_gate)
        {
            TakeNews(report);
            // A report that was under way when its actor died must not bring it back.
            if (!_dead.Contains(report.Actor)) _living[report.Actor] = Measured(report);
        }
    }

    /// <summary>The actor's last report: it is gone. Only a <paramref name="isTeardown"/> under load counts as one: a VM may have moved, or
    /// the run may be over.</summary>
    public void Retire(ActorReport report, bool isTeardown = false)
    {
        lock (_gate)
        {
            TakeNews(report);
            if (!_dead.Add(report.Actor)) return;
            report = Measured(report);
            _living.Remove(report.Actor);
            var key = ActorKeys.Parse(report.Actor);
            if (key.Role == ActorRole.Vm && isTeardown) _teardowns++;
            if (key.Role == ActorRole.Vcpu) AddGuest(_deadGuests, key.Vm, report);
            _deadCounters += report.Counters;
            AddReached(_deadReached, report);
            AddLocks(_deadLocks, report);
            Add(_deadFaults, report.FaultLatency);
            Add(_deadRefills, report.RefillLatency);
            Add(_deadTurns, report.TurnWait);
            _historyDropped += report.HistoryDropped;
        }
    }

    /// <summary>Totals over all actors, living and dead: sums, and of maxima the largest.</summary>
    public ActorCounters Counters()
    {
        lock (_gate) return _living.Values.Aggregate(_deadCounters, (sum, report) => sum + report.Counters);
    }

    /// <summary>How often each case was met, by <see cref="ReachedCase.Index"/>.</summary>
    public IReadOnlyList<long> Reached()
    {
        lock (_gate)
        {
            long[] sums = [.. _deadReached];
            foreach (var report in _living.Values) AddReached(sums, report);
            return sums;
        }
    }

    /// <summary>By place of the fleet, over all VMs that lived there; places without a vCPU are absent.</summary>
    public IReadOnlyDictionary<int, GuestFigures> Guests()
    {
        lock (_gate)
        {
            var sums = new Dictionary<int, GuestFigures>(_deadGuests);
            foreach (var report in _living.Values.Where(report => report.Counters.Vcpu is not null))
                AddGuest(sums, ActorKeys.Parse(report.Actor).Vm, report);
            return sums;
        }
    }

    public IReadOnlyList<LockResult> Locks() =>
        [.. LockStatistics().Select(row => LockResult.From(row.Class, row.Mode, row.Statistics))];

    /// <summary>Of every class and mode that was acquired, the most waited for first.</summary>
    public IReadOnlyList<(string Class, LockMode Mode, LockStatistics Statistics)> LockStatistics()
    {
        lock (_gate)
        {
            var sums = new Dictionary<(string Class, LockMode Mode), LockStatistics>();
            foreach (var (place, statistics) in LocksBySilo()) Sum(sums, (place.Class, place.Mode)).Add(statistics);
            return [.. sums.Where(entry => entry.Value.Acquisitions > 0)
                .OrderByDescending(entry => entry.Value.WaitTotal)
                    .ThenBy(entry => entry.Key.Class, StringComparer.Ordinal).ThenBy(entry => entry.Key.Mode)
                .Select(entry => (entry.Key.Class, entry.Key.Mode, entry.Value))];
        }
    }

    /// <summary>Microseconds that operations have waited for locks, those that still wait among them; places without a wait are
    /// absent.</summary>
    public IReadOnlyDictionary<LockPlace, long> LockWaits()
    {
        lock (_gate)
        {
            var waits = LocksBySilo()
                .Where(entry => entry.Value.WaitTotal > 0).ToDictionary(entry => entry.Key, entry => entry.Value.WaitTotal);
            foreach (var report in _living.Values)
                foreach (var wait in report.Waits)
                {
                    var place = new LockPlace(report.Silo, wait.LockClass, wait.Mode);
                    waits[place] = waits.GetValueOrDefault(place) + wait.WaitedMicroseconds;
                }

            return waits;
        }
    }

    public IReadOnlyList<PotentialCycle> PotentialCycles()
    {
        lock (_gate) return [.. _order.PotentialCycles().Select(PotentialCycle.From)];
    }

    /// <summary>In microseconds.</summary>
    public (LongHistogram Faults, LongHistogram Refills, LongHistogram Turns) Latencies()
    {
        lock (_gate)
        {
            var faults = LatencyHistogram.Empty();
            var turns = LatencyHistogram.Empty();
            var refills = LatencyHistogram.Empty();
            faults.Add(_deadFaults);
            refills.Add(_deadRefills);
            turns.Add(_deadTurns);
            foreach (var report in _living.Values)
            {
                Add(faults, report.FaultLatency);
                Add(refills, report.RefillLatency);
                Add(turns, report.TurnWait);
            }

            return (faults, refills, turns);
        }
    }

    public IReadOnlyList<ViolationResult> Violations()
    {
        lock (_gate) return [.. _violations.Select(entry => ViolationResult.From(entry.Violation, entry.Silo))];
    }

    /// <summary>Actors with a failure of their own code: the bed is broken there.</summary>
    public IReadOnlyList<string> Failures()
    {
        lock (_gate) return [.. _failures.Values];
    }

    public IReadOnlyList<LimitHit> LimitsHit()
    {
        lock (_gate)
        {
            var dropped = _historyDropped + _living.Values.Sum(report => report.HistoryDropped);
            var hits = new List<LimitHit>();
            if (dropped > 0) hits.Add(new("actorHistory", dropped, "actors did more between two reports than their history holds"));
            if (_violationCount > ViolationsMax)
                hits.Add(new("violations", _violationCount - ViolationsMax, $"only the first {ViolationsMax} violations are listed"));
            return hits;
        }
    }

    /// <summary>What only the sum of all reports shows.</summary>
    public void Violated(string silo, IReadOnlyList<Violation> violations)
    {
        lock (_gate) TakeViolations(silo, violations);
    }

    /// <summary>The report, without figures if they count from before the measured time.</summary>
    private ActorReport Measured(ActorReport report) => report.MeasuredSince >= _measuredFrom ? report : report with
    {
        Counters = new() { Usage = report.Counters.Usage },
        Reached = [],
        Locks = [],
        FaultLatency = [],
        RefillLatency = [],
        TurnWait = [],
    };

    private void TakeViolations(string silo, IReadOnlyList<Violation> violations)
    {
        foreach (var violation in violations)
            if (_violations.Count < ViolationsMax)
                _violations.Add((silo, violation));
        Interlocked.Add(ref _violationCount, violations.Count);
    }

    private void TakeNews(ActorReport report)
    {
        TakeViolations(report.Silo, report.Violations);
        foreach (var edge in report.LockOrder) edge.MergeInto(_order);
        _order.MergeWritten(report.WrittenClasses);
        if (report.Failure is { } failure) _failures[report.Actor] = failure;
    }

    private static void AddGuest(Dictionary<int, GuestFigures> sums, int slot, ActorReport report)
    {
        if (report.Counters.Vcpu is not { } vcpu) return;
        var sum = sums.GetValueOrDefault(slot);
        sums[slot] = new(
            sum.Accesses + vcpu.Accesses, Math.Max(sum.BehindMicroseconds, vcpu.BehindMicroseconds),
            sum.DueMicroseconds + vcpu.DueMicroseconds, sum.ExecutedMicroseconds + vcpu.ExecutedMicroseconds)
        {
            FaultMicroseconds = sum.FaultMicroseconds + vcpu.FaultMicroseconds,
            ThrottleMicroseconds = sum.ThrottleMicroseconds + vcpu.ThrottleMicroseconds,
        };
    }

    private static void AddReached(long[] sums, ActorReport report)
    {
        foreach (var (reached, times) in report.Reached) sums[reached] += times;
    }

    private Dictionary<LockPlace, LockStatistics> LocksBySilo()
    {
        var sums = new Dictionary<LockPlace, LockStatistics>();
        foreach (var (place, statistics) in _deadLocks) Sum(sums, place).Add(statistics);
        foreach (var report in _living.Values) AddLocks(sums, report);
        return sums;
    }

    private static void AddLocks(Dictionary<LockPlace, LockStatistics> sums, ActorReport report)
    {
        foreach (var entry in report.Locks) Sum(sums, new(report.Silo, entry.Class, entry.Mode)).Add(entry.Statistics);
    }

    private static LockStatistics Sum<TKey>(Dictionary<TKey, LockStatistics> sums, TKey key) where TKey : notnull
    {
        if (!sums.TryGetValue(key, out var sum)) sums[key] = sum = new LockStatistics();
        return sum;
    }

    private static void Add(LongHistogram total, byte[] encoded)
    {
        if (encoded.Length > 0) Grains.Telemetry.HistogramEncoding.AddTo(total, encoded);
    }
}

/// <summary>What the guests of one place of the fleet did: their accesses, how far the slowest vCPU was behind its program, and how much of
/// their programs was due and executed.</summary>
internal readonly record struct GuestFigures(long Accesses, long BehindMicroseconds, long DueMicroseconds, long ExecutedMicroseconds)
{
    /// <summary>What its vCPUs spent in faults, together.</summary>
    public long FaultMicroseconds { get; init; }

    /// <summary>What migrations made them sleep, together.</summary>
    public long ThrottleMicroseconds { get; init; }
}

/// <summary>The locks of one class on one silo, in one mode.</summary>
internal readonly record struct LockPlace(string Silo, string Class, LockMode Mode)
{
    /// <summary>Without the silo, as the lock table has it: <c>mmu_lock-R</c>.</summary>
    public string Lock => $"{Class}-{(Mode == LockMode.Read ? 'R' : 'W')}";
}
