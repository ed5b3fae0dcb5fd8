using HdrHistogram;
using Livebed.Driver.Results;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// Adds up what actors report. Each report of an actor counts from its beginning, so the latest of each living actor and the last of each
/// dead one are the whole. The sums are kept up to date, so that a report costs as much as it brings, however many actors there are.
/// Safe from any thread.
/// </summary>
/// <param name="kindOf">of a place of the fleet: which of the campaign's kinds of VM is there; null for one kind</param>
internal sealed class ReportLedger(Func<int, int>? kindOf = null)
{
    private const int ViolationsMax = 100;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LivingActor> _living = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ActorReport> _hosts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ActorReport> _waiting = new(StringComparer.Ordinal);
    private readonly HashSet<string> _dead = new(StringComparer.Ordinal);

    // Over the living and the dead; of hosts only the dead.
    private ActorCounters _counters = new();
    private readonly long[] _reached = new long[ReachedCase.All.Count];
    private readonly Dictionary<LockPlace, LockStatistics> _locks = [];
    private readonly Dictionary<int, GuestFigures> _guests = [];
    private readonly Dictionary<int, GuestFigures> _kinds = [];
    private long _historyDropped;

    // Of the dead alone.
    private readonly Dictionary<int, long> _deadBehind = [];

    // The latest of each silo, and the last of those that died.
    private readonly Dictionary<string, LatencyReport> _latencies = new(StringComparer.Ordinal);
    private readonly List<LatencyReport> _lastLatencies = [];

    private readonly LockOrderGraph _order = new();
    private readonly List<(string Silo, Violation Violation)> _violations = [];
    private readonly SortedDictionary<string, string> _failures = new(StringComparer.Ordinal);
    private long _violationCount;
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
            (_counters, _teardowns) = (new(), 0);
            Array.Clear(_reached);
            _locks.Clear();
            _guests.Clear();
            _kinds.Clear();
            _deadBehind.Clear();
            _latencies.Clear();
            _lastLatencies.Clear();
            var before = _living.Values.ToList();
            _living.Clear();
            foreach (var actor in before)
            {
                // What it dropped of the history is in the sum already.
                var nothing = NoReport(actor.Report) with { HistoryDropped = actor.Report.HistoryDropped };
                _living[actor.Report.Actor] = actor with { Report = nothing };
                Count(actor.Key, Measured(actor.Report));
            }
        }
    }

    public void Update(ActorReport report)
    {
        lock (_gate)
        {
            TakeNews(report);
            // A report that was under way when its actor died must not bring it back.
            if (!_dead.Contains(report.Actor)) Count(KeyOf(report), Measured(report));
        }
    }

    /// <summary>The silo's latencies so far; those of before the measured time do not count.</summary>
    public void Update(string silo, LatencyReport latencies)
    {
        lock (_gate)
        {
            if (latencies.MeasuredSince >= _measuredFrom) _latencies[silo] = latencies;
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
            var key = KeyOf(report);
            Count(key, report);
            _living.Remove(report.Actor);
            _waiting.Remove(report.Actor);
            if (_hosts.Remove(report.Actor)) _counters += report.Counters;
            if (key.Role == ActorRole.Vm && isTeardown) _teardowns++;
            Bury(key, report);
        }
    }

    private void Bury(ActorKey key, ActorReport report)
    {
        if (report.Counters.Vcpu is { } vcpu)
            _deadBehind[key.Vm] = Math.Max(_deadBehind.GetValueOrDefault(key.Vm), vcpu.BehindMicroseconds);
    }

    /// <summary>A silo died: of its actors there is nothing but their latest reports, which stand. What they held is gone with them. A
    /// host of that name may report again.</summary>
    public void Lose(string silo)
    {
        lock (_gate)
        {
            if (_latencies.Remove(silo, out var last)) _lastLatencies.Add(last);
            foreach (var (key, report) in _living.Values.Where(actor => actor.Report.Silo == silo).ToList())
            {
                _living.Remove(report.Actor);
                _waiting.Remove(report.Actor);
                if (_hosts.Remove(report.Actor)) _counters += report.Counters with { Usage = null };
                else _dead.Add(report.Actor);
                Bury(key, report);
            }
        }
    }

    /// <summary>Totals over all actors, living and dead: sums, and of maxima the largest.</summary>
    public ActorCounters Counters()
    {
        lock (_gate) return _hosts.Values.Aggregate(_counters, (sum, report) => sum + report.Counters);
    }

    /// <summary>How often each case was met, by <see cref="ReachedCase.Index"/>.</summary>
    public IReadOnlyList<long> Reached()
    {
        lock (_gate) return [.. _reached];
    }

    /// <summary>By place of the fleet, over all VMs that lived there; places without a vCPU are absent. As long as the fleet.</summary>
    public IReadOnlyDictionary<int, GuestFigures> Guests()
    {
        lock (_gate)
        {
            var behind = new Dictionary<int, long>(_deadBehind);
            foreach (var (key, report) in _living.Values)
                if (report.Counters.Vcpu is { } vcpu)
                    behind[key.Vm] = Math.Max(behind.GetValueOrDefault(key.Vm), vcpu.BehindMicroseconds);
            return _guests.ToDictionary(
                entry => entry.Key, entry => entry.Value with { BehindMicroseconds = behind.GetValueOrDefault(entry.Key) });
        }
    }

    /// <summary>By kind of VM, over all guests of it; how far one is behind is not told.</summary>
    public IReadOnlyDictionary<int, GuestFigures> Kinds()
    {
        lock (_gate) return new Dictionary<int, GuestFigures>(_kinds);
    }

    public IReadOnlyList<LockResult> Locks() =>
        [.. LockStatistics().Select(row => LockResult.From(row.Class, row.Mode, row.Statistics))];

    /// <summary>Of every class and mode that was acquired, the most waited for first.</summary>
    public IReadOnlyList<(string Class, LockMode Mode, LockStatistics Statistics)> LockStatistics()
    {
        lock (_gate)
        {
            var sums = new Dictionary<(string Class, LockMode Mode), LockStatistics>();
            foreach (var (place, statistics) in _locks) Sum(sums, (place.Class, place.Mode)).Add(statistics);
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
            var waits = _locks
                .Where(entry => entry.Value.WaitTotal > 0).ToDictionary(entry => entry.Key, entry => entry.Value.WaitTotal);
            foreach (var report in _waiting.Values)
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
            foreach (var silo in _lastLatencies.Concat(_latencies.Values))
            {
                Grains.Telemetry.HistogramEncoding.AddTo(faults, silo.Faults);
                Grains.Telemetry.HistogramEncoding.AddTo(refills, silo.Refills);
                Grains.Telemetry.HistogramEncoding.AddTo(turns, silo.TurnWaits);
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
            var hits = new List<LimitHit>();
            if (_historyDropped > 0)
                hits.Add(new("actorHistory", _historyDropped, "actors did more between two reports than their history holds"));
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

    private ActorKey KeyOf(ActorReport report) =>
        _living.TryGetValue(report.Actor, out var known) ? known.Key : ActorKeys.Parse(report.Actor);

    /// <summary>The actor's latest report takes the place of the one before, in all sums.</summary>
    private void Count(ActorKey key, ActorReport report)
    {
        var before = _living.TryGetValue(report.Actor, out var known) ? known.Report : NoReport(report);
        _living[report.Actor] = new LivingActor(key, WithoutNews(report));
        if (report.Waits.Count > 0) _waiting[report.Actor] = report;
        else _waiting.Remove(report.Actor);
        if (key.Role == ActorRole.Host) _hosts[report.Actor] = report;
        else _counters += report.Counters.Since(before.Counters);
        foreach (var (reached, times) in report.Reached) _reached[reached] += times;
        foreach (var (reached, times) in before.Reached) _reached[reached] -= times;
        foreach (var row in report.Locks) Sum(_locks, new(report.Silo, row.Class, row.Mode)).Add(row.Statistics);
        foreach (var row in before.Locks) Sum(_locks, new(before.Silo, row.Class, row.Mode)).Without(row.Statistics);
        _historyDropped += report.HistoryDropped - before.HistoryDropped;
        if (report.Counters.Vcpu is not { } vcpu) return;
        var grown = GuestFigures.Of(vcpu) - GuestFigures.Of(before.Counters.Vcpu ?? new());
        _guests[key.Vm] = _guests.GetValueOrDefault(key.Vm) + grown;
        var kind = kindOf?.Invoke(key.Vm) ?? 0;
        _kinds[kind] = _kinds.GetValueOrDefault(kind) + grown;
    }

    private static ActorReport WithoutNews(ActorReport report) =>
        report with { History = [], Violations = [], LockOrder = [], LastOfOthers = [], GuestRuns = [] };

    private static ActorReport NoReport(ActorReport of) => new() { Actor = of.Actor, Silo = of.Silo };

    private static LockStatistics Sum<TKey>(Dictionary<TKey, LockStatistics> sums, TKey key) where TKey : notnull
    {
        if (!sums.TryGetValue(key, out var sum)) sums[key] = sum = new LockStatistics();
        return sum;
    }
}

/// <summary>An actor that has not ended, and its latest report.</summary>
internal readonly record struct LivingActor(ActorKey Key, ActorReport Report);

/// <summary>What guests did: their accesses, how far the slowest vCPU was behind its program, and how much of their programs was due and
/// executed.</summary>
internal readonly record struct GuestFigures(long Accesses, long BehindMicroseconds, long DueMicroseconds, long ExecutedMicroseconds)
{
    /// <summary>What its vCPUs spent in faults, together.</summary>
    public long FaultMicroseconds { get; init; }

    /// <summary>What migrations made them sleep, together.</summary>
    public long ThrottleMicroseconds { get; init; }

    /// <summary>Those of one vCPU that add up.</summary>
    public static GuestFigures Of(VcpuCounters vcpu) => new(vcpu.Accesses, 0, vcpu.DueMicroseconds, vcpu.ExecutedMicroseconds)
    {
        FaultMicroseconds = vcpu.FaultMicroseconds,
        ThrottleMicroseconds = vcpu.ThrottleMicroseconds,
    };

    public static GuestFigures operator +(GuestFigures one, GuestFigures other) => Combine(one, other, 1);

    public static GuestFigures operator -(GuestFigures now, GuestFigures before) => Combine(now, before, -1);

    private static GuestFigures Combine(GuestFigures one, GuestFigures other, int sign) => new(
        one.Accesses + sign * other.Accesses, 0, one.DueMicroseconds + sign * other.DueMicroseconds,
        one.ExecutedMicroseconds + sign * other.ExecutedMicroseconds)
    {
        FaultMicroseconds = one.FaultMicroseconds + sign * other.FaultMicroseconds,
        ThrottleMicroseconds = one.ThrottleMicroseconds + sign * other.ThrottleMicroseconds,
    };
}

/// <summary>The locks of one class on one silo, in one mode.</summary>
internal readonly record struct LockPlace(string Silo, string Class, LockMode Mode)
{
    /// <summary>Without the silo, as the lock table has it: <c>mmu_lock-R</c>.</summary>
    public string Lock => $"{Class}-{(Mode == LockMode.Read ? 'R' : 'W')}";
}
