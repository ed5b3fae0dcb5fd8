namespace Livebed.Driver.Comparing;

/// <summary>
/// The median of a few values, and an interval in which the median of all runs lies: from one of the values to another, whatever the
/// distribution is. It is the narrowest pair that does so in 95 of 100 cases, or all values where they are too few for that.
/// </summary>
/// <param name="Median">of the values</param>
/// <param name="Low">end of the interval</param>
/// <param name="High">end of the interval</param>
/// <param name="Level">in how many cases the interval is right, 0 to 1; 0 for a single value</param>
public sealed record MedianInterval(double Median, double Low, double High, double Level)
{
    private const double Wanted = 0.95;

    /// <param name="values">at least one</param>
    public static MedianInterval Of(IReadOnlyList<double> values)
    {
        var sorted = values.Order().ToArray();
        var n = sorted.Length;
        var median = n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;

        // With k values left out at each end the median is missed when at most k of n fair coins fall on one side.
        var (left, level) = (0, 1 - 2 * AtMost(0, n));
        for (var k = 1; k < n / 2 && 1 - 2 * AtMost(k, n) >= Wanted; k++) (left, level) = (k, 1 - 2 * AtMost(k, n));
        return new MedianInterval(median, sorted[left], sorted[n - 1 - left], Math.Max(0, Math.Round(level, 4)));
    }

    /// <summary>How likely it is that at most k of n fair coins fall on heads.</summary>
    private static double AtMost(int k, int n)
    {
        var (term, sum) = (Math.Pow(0.5, n), 0.0);
        for (var i = 0; i <= k; i++)
        {
            sum += term;
            term *= (double)(n - i) / (i + 1);
        }

        return sum;
    }
}
