namespace Livebed.Driver.Running;

/// <summary>Counters of several actors put together by name: sums, and the largest of those that are a maximum, which their names say last ("…Max").</summary>
internal static class CounterTotals
{
    public static void Add(Dictionary<string, long> totals, IReadOnlyDictionary<string, long> counters)
    {
        foreach (var (name, value) in counters)
        {
            var total = totals.GetValueOrDefault(name);
            totals[name] = name.EndsWith("Max", StringComparison.Ordinal) ? Math.Max(total, value) : total + value;
        }
    }
}
