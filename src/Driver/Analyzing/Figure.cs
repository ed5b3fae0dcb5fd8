using System.Globalization;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Analyzing;

/// <summary>
/// Figures of an analysis by name, for thresholds: <c>locks.mmu_lock.waitMax</c> is the larger of its two rows,
/// <c>locks.mmu_lock.write.waitMax</c> one of them. Times are microseconds.
/// </summary>
internal static class Figure
{
    /// <summary>Both rows of a class, or one of them.</summary>
    private static readonly string[] _modes = ["", "read.", "write."];

    private static readonly (string Name, Func<LockRow, double> Of, bool Adds)[] _lockColumns =
    [
        ("acquisitions", row => row.Acquisitions, true), ("contentions", row => row.Contentions, true),
        ("acquisitionBounces", row => row.AcquisitionBounces, true), ("contentionBounces", row => row.ContentionBounces, true),
        ("waitMin", row => row.WaitMin, false), ("waitMax", row => row.WaitMax, false), ("waitTotal", row => row.WaitTotal, true),
        ("waitAvg", row => row.WaitAvg, false), ("holdMin", row => row.HoldMin, false), ("holdMax", row => row.HoldMax, false),
        ("holdTotal", row => row.HoldTotal, true), ("holdAvg", row => row.HoldAvg, false),
    ];

    private static readonly (string Name, Func<RetryChains, double> Of)[] _faultFigures =
    [
        ("spans", retries => retries.Faults), ("retried", retries => retries.Retried), ("retries", retries => retries.Retries),
        ("linked", retries => retries.Linked), ("max", retries => retries.SlowestMicroseconds),
    ];

    private static readonly (string Name, Func<GuestStall, double> Of)[] _stallFigures =
    [
        ("faults", stall => stall.Faults ?? 0), ("migration", stall => stall.Migration ?? 0), ("lockWait", stall => stall.LockWait),
        ("turnWait", stall => stall.TurnWait), ("network", stall => stall.Network), ("retry", stall => stall.Retry),
        ("work", stall => stall.Work), ("total", stall => stall.Total),
    ];

    /// <summary>What may be named; CLASS, MODE and VM stand for what there is.</summary>
    public static string Allowed =>
        $"locks.CLASS[.read|.write].{{{string.Join('|', _lockColumns.Select(column => column.Name))}}}, "
            + $"faults.{{{string.Join('|', _faultFigures.Select(figure => figure.Name))}}}, "
            + $"stalls.VM.{{{string.Join('|', _stallFigures.Select(figure => figure.Name))}}}, spans, violations";

    /// <summary>All of them; CLASS and VM stand for what there is.</summary>
    public static IEnumerable<string> Names =>
    [
        .. _modes.SelectMany(mode => _lockColumns.Select(column => $"locks.CLASS.{mode}{column.Name}")),
        .. _faultFigures.Select(figure => $"faults.{figure.Name}"), .. _stallFigures.Select(figure => $"stalls.VM.{figure.Name}"),
        "spans", "violations",
    ];

    /// <summary>Whether some analysis can have a figure of this name.</summary>
    public static bool IsName(string name) => name.Split('.') switch
    {
        ["spans"] or ["violations"] => true,
        ["faults", var figure] => _faultFigures.Any(known => known.Name == figure),
        ["stalls", _, var figure] => _stallFigures.Any(known => known.Name == figure),
        ["locks", _, var column] => _lockColumns.Any(known => known.Name == column),
        ["locks", _, "read" or "write", var column] => _lockColumns.Any(known => known.Name == column),
        _ => false,
    };

    /// <summary>A lock that was never waited for and a VM without a stall have 0.</summary>
    public static double Of(TraceAnalysis analysis, string name) => name.Split('.') switch
    {
        ["spans"] => analysis.Spans,
        ["violations"] => analysis.ViolationCount,
        ["faults", var figure] => _faultFigures.Single(known => known.Name == figure).Of(analysis.Retries),
        ["stalls", var vm, var figure] =>
            analysis.Stalls.Vms.Where(stall => stall.Vm == vm).Sum(_stallFigures.Single(known => known.Name == figure).Of),
        ["locks", var lockClass, var column] => OfLocks(analysis, lockClass, null, column),
        ["locks", var lockClass, var mode, var column] => OfLocks(analysis, lockClass, mode, column),
        _ => throw new ArgumentException($"{name} is no figure", nameof(name)),
    };

    private static double OfLocks(TraceAnalysis analysis, string lockClass, string? mode, string column)
    {
        var (_, of, adds) = _lockColumns.Single(known => known.Name == column);
        var values = analysis.Locks.Rows.Where(row => row.Class == lockClass && (mode is null || row.Mode == mode)).Select(of).ToList();
        return adds ? values.Sum() : values.DefaultIfEmpty().Max();
    }
}

/// <summary>A condition of `--fail-if`: a figure, a comparison and a number, as in <c>locks.mmu_lock.waitMax > 5000</c>.</summary>
internal sealed record Threshold(string Text, string Name, string Comparison, double Limit)
{
    private static readonly string[] _comparisons = [">=", "<=", ">", "<", "=="];

    /// <exception cref="UsageException">The text is no condition.</exception>
    public static Threshold Parse(string text)
    {
        foreach (var comparison in _comparisons)
        {
            if (text.Split(comparison) is not [var left, var right]) continue;
            var name = left.Trim();
            if (!Figure.IsName(name)) throw new UsageException($"--fail-if {text}: '{name}' is no figure; allowed: {Figure.Allowed}");
            if (!double.TryParse(right, NumberStyles.Float, CultureInfo.InvariantCulture, out var limit) || !double.IsFinite(limit))
                throw new UsageException($"--fail-if {text}: '{right.Trim()}' is no number; allowed: a number, times in microseconds");
            return new Threshold(text, name, comparison, limit);
        }

        throw new UsageException(
            $"--fail-if {text}: is no condition; allowed: a figure, one of {string.Join(' ', _comparisons)}, and a number, as in "
                + "\"locks.mmu_lock.waitMax > 5000\"");
    }

    public bool IsBreached(double value) => Comparison switch
    {
        ">" => value > Limit,
        ">=" => value >= Limit,
        "<" => value < Limit,
        "<=" => value <= Limit,
        _ => value == Limit,
    };
}
