using Livebed.Driver.Runs;

namespace Livebed.Driver.Reports;

/// <summary>
/// What the history says of a finding: a lane for each actor that took part, with its operations from beginning to end. Operations that the
/// finding names are marked. The time is that of the named operations, and no more than <see cref="SpanMax"/> before their end.
/// </summary>
public sealed record WitnessScene(long From, long To, IReadOnlyList<WitnessLane> Lanes)
{
    private const long SpanMax = 30_000_000;
    private const long SpanMin = 1_000;
    private const int LanesMax = 10;
    private const int BarsMax = 60;

    /// <summary>Of the time of the named operations, what is shown before and after.</summary>
    private const int MarginPart = 5;

    /// <param name="operations">that the finding names, as in "op 0.12"</param>
    /// <param name="tail">the end of the history, in the order of time</param>
    /// <returns>null where the history has none of them</returns>
    public static WitnessScene? Of(IReadOnlyList<string> operations, IReadOnlyList<HistoryEvent> tail)
    {
        var named = operations.Select(id => id.StartsWith("op ", StringComparison.Ordinal) ? id[3..] : id)
            .ToHashSet(StringComparer.Ordinal);
        if (tail.Count == 0 || named.Count == 0) return null;
        var end = tail.Max(one => one.Time);
        var all = BarsOf(tail, named, end);
        var involved = all.Where(bar => bar.IsNamed).ToList();
        if (involved.Count == 0) return null;
        var to = involved.Max(bar => bar.To);
        var from = Math.Max(to - SpanMax, involved.Min(bar => bar.From));
        var margin = Math.Max(SpanMin, (to - from) / MarginPart);
        (from, to) = (from - margin, Math.Min(Math.Max(to, from + SpanMin), end) + margin);
        var lanes = all.Where(bar => bar.To >= from && bar.From <= to)
            .GroupBy(bar => bar.Process, StringComparer.Ordinal)
            .Select(
                lane =>
                    WitnessLane.Of(lane.Key, [.. lane.OrderByDescending(bar => bar.IsNamed).ThenByDescending(bar => bar.To).Take(BarsMax)]))
            .OrderByDescending(lane => lane.Rows.SelectMany(row => row).Count(bar => bar.IsNamed))
            .ThenBy(lane => lane.Process, StringComparer.Ordinal)
            .Take(LanesMax);
        return new WitnessScene(from, to, [.. lanes]);
    }

    /// <summary>Every operation as each actor saw it.</summary>
    private static List<WitnessBar> BarsOf(IReadOnlyList<HistoryEvent> tail, HashSet<string> named, long end)
    {
        var begun = new Dictionary<(string Process, string Op), HistoryEvent>();
        var bars = new List<WitnessBar>();
        var first = tail[0].Time;
        foreach (var one in tail)
        {
            if (one.Op == "0.0") continue;
            if (one.IsBegin) begun[(one.Process, one.Op)] = one;
            else
            {
                // Of an operation that began before the end of the history that was read.
                var from = begun.Remove((one.Process, one.Op), out var begin) ? begin.Time : first;
                bars.Add(new(one.Process, one.F, one.Op, from, one.Time, one.Type, one.Value, named.Contains(one.Op)));
            }
        }

        bars.AddRange(begun.Values.Select(one => new WitnessBar(
            one.Process, one.F, one.Op, one.Time, end, "not ended", one.Value, named.Contains(one.Op))));
        return bars;
    }
}

/// <summary>The operations of one actor; those that overlap are in different rows.</summary>
public sealed record WitnessLane(string Process, IReadOnlyList<IReadOnlyList<WitnessBar>> Rows)
{
    private const int RowsMax = 6;

    /// <param name="process">the actor</param>
    /// <param name="bars">the ones that matter most first: the last ones may find no row</param>
    public static WitnessLane Of(string process, IReadOnlyList<WitnessBar> bars)
    {
        var rows = new List<List<WitnessBar>>();
        foreach (var bar in bars)
        {
            var row = rows.Find(others => others.TrueForAll(other => other.To < bar.From || other.From > bar.To));
            if (row is null && rows.Count < RowsMax) rows.Add(row = []);
            row?.Add(bar);
        }

        return new WitnessLane(process, [.. rows.Select(row => row.OrderBy(bar => bar.From).ToList())]);
    }
}

/// <summary>An operation as an actor saw it, in microseconds since the run began.</summary>
public sealed record WitnessBar(
    string Process, string Kind, string Op, long From, long To, string Outcome, string? Value, bool IsNamed);
