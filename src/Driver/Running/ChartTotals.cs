using Livebed.Driver.Results;

namespace Livebed.Driver.Running;

/// <summary>
/// Counters over time, of a run of any length in a few hundred moments. They are totals, so a moment that is left out makes the time
/// between two longer and no figure wrong. A total never falls: what was waited in an actor that has ended is not told any more.
/// </summary>
/// <param name="momentsMax">that are kept: when there are so many, every second one goes</param>
internal sealed class ChartTotals(int momentsMax)
{
    /// <summary>Between two moments at least: a rate over less says nothing.</summary>
    private const long GapMin = 100_000;

    private readonly List<long> _moments = [];
    private readonly Dictionary<(string Group, string Name), List<long>> _totals = [];
    private long _spacing;

    /// <summary>Ascending, in microseconds.</summary>
    public IReadOnlyList<long> Moments => _moments;

    /// <summary>Those that have counted something.</summary>
    public IEnumerable<ChartSeries> Series => _totals.Where(entry => entry.Value[^1] > 0)
        .Select(entry => new ChartSeries(entry.Key.Group, entry.Key.Name, [.. entry.Value]));

    /// <summary>All counters begin anew.</summary>
    public void Clear()
    {
        _spacing = 0;
        _moments.Clear();
        _totals.Clear();
    }

    /// <summary>A moment begins: what is added until <see cref="End"/> are the totals then. One that comes too soon after the one before
    /// takes its place.</summary>
    public void Begin(long microseconds)
    {
        var isTooSoon = _moments.Count > 1 && (_moments[^1] - _moments[^2] < _spacing || microseconds - _moments[^1] < GapMin);
        if (isTooSoon) Remove(_moments.Count - 1);
        if (_moments.Count == momentsMax) Thin();
        _moments.Add(_moments.Count == 0 ? microseconds : Math.Max(microseconds, _moments[^1]));
    }

    public void Add(string group, string name, long part)
    {
        if (!_totals.TryGetValue((group, name), out var totals)) _totals[(group, name)] = totals = [];
        while (totals.Count < _moments.Count) totals.Add(0);
        totals[^1] += part;
    }

    public void End()
    {
        foreach (var totals in _totals.Values)
        {
            if (totals.Count < _moments.Count) totals.Add(0);
            if (totals.Count > 1) totals[^1] = Math.Max(totals[^1], totals[^2]);
        }
    }

    private void Thin()
    {
        for (var moment = _moments.Count - 1; moment > 0; moment -= 2) Remove(moment);
        _spacing = (_moments[^1] - _moments[0]) / _moments.Count;
    }

    private void Remove(int moment)
    {
        _moments.RemoveAt(moment);
        foreach (var totals in _totals.Values) totals.RemoveAt(moment);
    }
}
