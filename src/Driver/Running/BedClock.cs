using Livebed.Driver.Results;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// How long the whole bed ran, from what its silos and the driver say of themselves in each round of reports. A wait can depend on any of
/// them. So the bed goes on by what the slowest of them ran since the round before, and not at all if one did not report.
/// Confined to the supervisor's rounds, except for <see cref="LimitsHit"/>.
/// </summary>
/// <param name="slack">how long the bed has to run until all that was on its way at the beginning of a round has come</param>
internal sealed class BedClock(TimeSpan slack)
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, RunningTime> _parts = new(StringComparer.Ordinal);
    private readonly HashSet<string> _left = [];
    private readonly Queue<(long Began, long Ran)> _rounds = new();

    /// <summary>In microseconds, up to the last round.</summary>
    public long RanMicroseconds { get; private set; }

    /// <summary>For how long that of its parts stood still that did so for longest.</summary>
    public long StoodMicroseconds
    {
        get
        {
            lock (_gate) return _parts.Values.Select(part => part.StoodMicroseconds).DefaultIfEmpty(0).Max();
        }
    }

    /// <summary>All that happened before this monotonic time has been reported.</summary>
    public long CompleteMicroseconds { get; private set; } = long.MinValue;

    /// <summary>A round of reports is complete.</summary>
    /// <param name="beganMicroseconds">when the first was asked for, by the monotonic clock</param>
    /// <param name="readings">by silo or driver; of several by one the latest counts</param>
    /// <param name="isHarmed">a nemesis did something since the round before: that time is none in which a wait has to end</param>
    public void Observed(long beganMicroseconds, IEnumerable<(string Part, RunningTime Time)> readings, bool isHarmed = false)
    {
        var newest = readings.GroupBy(reading => reading.Part, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.MaxBy(reading => reading.Time.ElapsedMicroseconds).Time);
        lock (_gate)
        {
            foreach (var part in _left) newest.Remove(part);
            var ran = _parts.Keys.Union(newest.Keys).Select(part => Advance(part, newest)).DefaultIfEmpty(0).Min();
            RanMicroseconds += isHarmed ? 0 : ran;
            foreach (var (part, time) in newest) _parts[part] = time;
        }

        _rounds.Enqueue((beganMicroseconds, RanMicroseconds));
        while (_rounds.TryPeek(out var round) && RanMicroseconds - round.Ran >= slack.TotalMicroseconds)
            CompleteMicroseconds = _rounds.Dequeue().Began;
    }

    /// <summary>A part belongs to the bed no more; without this its silence would look like a standstill.</summary>
    public void Left(string part)
    {
        lock (_gate)
        {
            _left.Add(part);
            _parts.Remove(part);
        }
    }

    /// <summary>A part that had left is there again; it begins anew.</summary>
    public void Joined(string part)
    {
        lock (_gate) _left.Remove(part);
    }

    /// <summary>What is told of standstills.</summary>
    public IReadOnlyList<LimitHit> LimitsHit()
    {
        lock (_gate)
        {
            var told = _parts.Where(part => IsTold(part.Value)).ToList();
            if (told.Count == 0) return [];
            var (part, time) = told.MaxBy(entry => entry.Value.StoodMicroseconds);

            // Silos of one process stand still together, and each says a little different.
            var name = _parts.Values.All(other => 2 * other.StoodMicroseconds >= time.StoodMicroseconds) ? "the bed" : part;
            return
            [
                new("standstill", time.Standstills, FormattableString.Invariant(
                    $"{name} stood still for {time.StoodMicroseconds / 1e6:0.0} s of {time.ElapsedMicroseconds / 1e6:0.0} s, ")
                    + FormattableString.Invariant($"for {time.LongestMicroseconds / 1e6:0.0} s at once; ")
                    + "waits are judged by the time in which it ran"),
            ];
        }
    }

    private static bool IsTold(RunningTime time) =>
        time.Standstills > 0
        || (time.StoodMicroseconds >= RunningClock.StandstillMicroseconds && time.StoodMicroseconds > time.RanMicroseconds);

    private long Advance(string part, Dictionary<string, RunningTime> newest)
    {
        if (!newest.TryGetValue(part, out var now)) return 0;
        return Math.Max(0, now.RanMicroseconds - (_parts.TryGetValue(part, out var before) ? before.RanMicroseconds : 0));
    }
}
