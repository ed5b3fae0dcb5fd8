using Livebed.Driver.Results;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Running;

/// <summary>
/// Reads the counters of a run after every round of reports, for what report.html draws over time, and collects at its end what else is
/// drawn. Everything is bounded. Safe from any thread.
/// </summary>
internal sealed class ChartRecorder(Fleet fleet, ReportLedger reports, LoadLedger load, Supervisor supervisor, MigrationLedger migrations)
{
    /// <summary>Readings that are kept; when there are so many, every second one goes.</summary>
    public const int MomentsMax = 400;

    /// <summary>VMs that have a line each; of more, all of one kind share one.</summary>
    private const int VmsMax = 12;

    /// <summary>Locks with a row each, those with the longest waits; the others share one.</summary>
    private const int LocksMax = 16;

    /// <summary>Migrations whose phases are drawn; of more, each is one bar.</summary>
    private const int PhasesMax = 200;

    /// <summary>Rates over a shorter time than this, at the beginning, say nothing: counters began a little before it.</summary>
    private const long SettledMicroseconds = 200_000;

    private const string Others = "others";

    private static readonly ReachedCase[] _causes =
        [ReachedCase.RetryBeforeLock, ReachedCase.RetryForOpenRange, ReachedCase.RetryForSequence, ReachedCase.FaultOnInvalidMemslot];

    private readonly Lock _gate = new();
    private readonly ChartTotals _totals = new(MomentsMax);
    private long _began = long.MinValue;
    private long _stoodBefore;

    /// <summary>A reading of all counters.</summary>
    /// <param name="began">when the measured part began, by the run's clock; where it is another than before, all counters began
    /// anew</param>
    /// <param name="counters">over all actors</param>
    /// <param name="waits">as <see cref="ReportLedger.LockWaits"/> has them</param>
    public void Read(long began, ActorCounters counters, IReadOnlyDictionary<LockPlace, long> waits)
    {
        var now = load.NowMicroseconds - began;
        lock (_gate)
        {
            if (began != _began)
            {
                (_began, _stoodBefore) = (began, supervisor.StoodMicroseconds);
                _totals.Clear();

                // Counters began a little before: a reading soon after is where rates count from.
                if (now >= SettledMicroseconds) _totals.Begin(0);
            }

            _totals.Begin(now);
            Add(counters);
            foreach (var (place, microseconds) in waits)
            {
                _totals.Add(ChartGroup.LockWaits, place.Lock, microseconds);
                _totals.Add(ChartGroup.SiloWaits, place.Silo, microseconds);
            }

            _totals.End();
        }
    }

    /// <summary>All that is drawn of the run; null of one that ended before the first reading.</summary>
    public RunCharts? Complete()
    {
        var (faults, refills, turns) = reports.Latencies();
        lock (_gate)
        {
            if (_totals.Moments.Count == 0) return null;
            var series = _totals.Series.ToList();
            var rest = series.Where(one => one.Group != ChartGroup.LockWaits);
            var locks = series.Where(one => one.Group == ChartGroup.LockWaits);
            return new RunCharts
            {
                BeganMicroseconds = _began,
                Micros = [.. _totals.Moments],
                Series = [.. rest, .. Largest(locks)],
                Bars = [.. load.Longest().Where(bar => bar.To > _began).Select(Shifted), .. MigrationBars().Select(Shifted)],
                Marks = [.. supervisor.Injected.Select(mark => mark with { At = mark.At - _began })],
                Latencies =
                [
                    .. load.Distributions(), ChartLatency.From("fault", faults), ChartLatency.From("tlb-refill", refills),
                    ChartLatency.From("waits for a grain's turn", turns),
                ],
            };
        }
    }

    private void Add(ActorCounters counters)
    {
        _totals.Add(ChartGroup.Faults, "faults", counters.Vcpu?.Faults ?? 0);
        _totals.Add(ChartGroup.Faults, "retries", counters.Vcpu?.FaultRetries ?? 0);
        _totals.Add(ChartGroup.Bed, "stood still", supervisor.StoodMicroseconds - _stoodBefore);
        var reached = reports.Reached();
        foreach (var cause in _causes) _totals.Add(ChartGroup.Retries, cause.Name, reached[cause.Index]);
        foreach (var operation in load.Progress()) _totals.Add(ChartGroup.Operations, operation.Operation, operation.Done);
        if (fleet.Slots.Count > VmsMax)
        {
            foreach (var (kind, guests) in reports.Kinds()) _totals.Add(ChartGroup.Guests, fleet.KindName(kind), guests.Accesses);
            return;
        }

        var places = reports.Guests();
        foreach (var slot in fleet.Slots) _totals.Add(ChartGroup.Guests, slot.DisplayName, places.GetValueOrDefault(slot.Index).Accesses);
    }

    private static List<ChartSeries> Largest(IEnumerable<ChartSeries> locks)
    {
        var sorted = locks.OrderByDescending(one => one.Totals[^1]).ToList();
        if (sorted.Count <= LocksMax) return sorted;
        var rest = sorted.Skip(LocksMax - 1).ToList();
        var sums = Enumerable.Range(0, rest[0].Totals.Count).Select(moment => rest.Sum(one => one.Totals[moment]));
        return [.. sorted.Take(LocksMax - 1), new ChartSeries(ChartGroup.LockWaits, Others, [.. sums])];
    }

    private IEnumerable<ChartBar> MigrationBars()
    {
        var all = migrations.All;
        foreach (var migration in all)
        {
            var steps = migration.Info.Steps;
            var lane = $"migration of {migration.Move.Slot.DisplayName}";
            var text = migration.ToString();
            if (steps.Count == 0 || all.Count > PhasesMax)
            {
                var status = KebabCase.Of(migration.Info.Status);
                yield return new ChartBar(lane, migration.Ordered, migration.Ordered + migration.Info.TotalMicroseconds, status, text);
                continue;
            }

            for (var i = 0; i < steps.Count; i++)
            {
                var end = i + 1 < steps.Count
                    ? steps[i + 1].AtMicroseconds
                    : Math.Max(migration.Info.TotalMicroseconds, steps[i].AtMicroseconds);
                yield return new ChartBar(
                    lane, migration.Ordered + steps[i].AtMicroseconds, migration.Ordered + end, KebabCase.Of(steps[i].Status), text);
            }
        }
    }

    private ChartBar Shifted(ChartBar bar) => bar with { From = Math.Max(0, bar.From - _began), To = bar.To - _began };
}
