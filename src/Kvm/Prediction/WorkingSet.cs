namespace Livebed.Kvm.Prediction;

/// <summary>
/// W(t): the distinct pages that a guest writes in a time t, as a concave curve with two parameters. Random writes to a hot set give
/// <c>W(t) = hot * (1 - exp(-rate * t / hot))</c>. Without a bound on the hot set it is <c>W(t) = rate * t</c>, the geometric model.
/// </summary>
/// <param name="PagesPerSecond">slope at 0</param>
/// <param name="HotPages">what W approaches; infinite for no bound</param>
public readonly record struct WorkingSet(double PagesPerSecond, double HotPages)
{
    public double Written(double seconds) =>
        double.IsInfinity(HotPages) ? PagesPerSecond * seconds : HotPages * -double.ExpM1(-PagesPerSecond * seconds / HotPages);

    /// <summary>The mean of W over [0, t]: what is written again after a clear, when the clears are spread evenly over t.</summary>
    public double WrittenOnAverage(double seconds)
    {
        if (double.IsInfinity(HotPages)) return PagesPerSecond * seconds / 2;
        var x = PagesPerSecond * seconds / HotPages;
        // The difference below loses its digits near 0, where the curve is a line.
        return x < 1e-6 ? PagesPerSecond * seconds / 2 : HotPages * (1 + double.ExpM1(-x) / x);
    }

    /// <summary>The curve through W(t) and W(2t).</summary>
    /// <param name="seconds">t, more than 0</param>
    /// <param name="once">W(t)</param>
    /// <param name="twice">W(2t), at least W(t) unless it was measured badly</param>
    public static WorkingSet Fit(double seconds, double once, double twice)
    {
        if (once <= 0) return new WorkingSet(0, double.PositiveInfinity);
        var ratio = Math.Max(twice / once - 1, 1e-9);
        if (ratio >= 1) return new WorkingSet(twice / (2 * seconds), double.PositiveInfinity);
        var hot = once / (1 - ratio);
        return new WorkingSet(hot * -Math.Log(ratio) / seconds, hot);
    }
}
