using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// The same migration begun anywhere in a recording. A recording has quiet stretches and bursts, so the forecast of one start says little
/// about the next, and the start of a migration knows nothing of the guest's next writes. Starts are spread evenly over one pass, from its
/// beginning on, so the same recording always gives the same answer.
/// </summary>
/// <param name="Forecasts">one for each start, in the order of the starts</param>
public sealed record ForecastsByStart(IReadOnlyList<MigrationForecast> Forecasts)
{
    /// <summary>Starts that are tried: one in 80 to 160 ms of the shipped recordings.</summary>
    public const int Starts = 24;

    /// <summary>Rounds of pre-copy, of those that complete; null when none does.</summary>
    public Spread? Rounds => Spread.Of(Completing.Select(forecast => (double)forecast.Rounds.Count));

    /// <summary>Milliseconds, of those that complete.</summary>
    public Spread? TotalTime => Spread.Of(Completing.Select(forecast => forecast.TotalTimeMilliseconds));

    /// <summary>Milliseconds, of those that complete.</summary>
    public Spread? Downtime => Spread.Of(Completing.Select(forecast => forecast.DowntimeMilliseconds!.Value));

    private IEnumerable<MigrationForecast> Completing => Forecasts.Where(forecast => forecast.Completes);

    /// <param name="timeline">the recording</param>
    /// <param name="parameters">of the migration</param>
    /// <param name="settings">of the guest; its start is not looked at</param>
    public static ForecastsByStart Of(DirtyTimeline timeline, MigrationParameters parameters, ForecastSettings settings)
    {
        var starts = Enumerable.Range(0, Starts).Select(start => timeline.PassMicroseconds * start / Starts);
        return new([.. starts.Select(start => Forecaster.Run(timeline, parameters, settings with { StartMicroseconds = start }))]);
    }

    public int CountOf(ForecastVerdict verdict) => Forecasts.Count(forecast => forecast.Verdict == verdict);
}

/// <summary>A few figures in short; of an even number the median is the lower of the two in the middle, so that it is one that
/// occurred.</summary>
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
