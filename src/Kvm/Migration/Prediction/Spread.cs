namespace Livebed.Kvm.Migration.Prediction;

/// <summary>A few figures in short; of an even number the median is the lower of the two in the middle, so that it is one that occurred.</summary>
/// <param name="Least">the smallest</param>
/// <param name="Median">half of them are no larger</param>
/// <param name="Most">the largest</param>
public sealed record Spread(double Least, double Median, double Most)
{
    /// <returns>null of none</returns>
    public static Spread? Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count == 0 ? null : new Spread(sorted[0], sorted[(sorted.Count - 1) / 2], sorted[^1]);
    }
}
