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

    private IEnumerable<MigrationForecast> Completing => Forecasts.Where(forecast => forecast.SwitchesOver);

    /// <summary>That of at least nine of ten starts if so many complete within the limits; otherwise what most of the others
    /// say.</summary>
    public ForecastVerdict Verdict => Forecasts.GroupBy(forecast => forecast.Verdict)
        .Where(group => group.First().Completes == IsLikely(Forecasts.Count(forecast => !forecast.Completes), Forecasts.Count))
        .MaxBy(group => group.Count())!.Key;

    /// <summary>Of those that complete, the one that takes longest; where one does not, the first of these. Its number.</summary>
    public int Worst => Enumerable.Range(0, Forecasts.Count)
        .MaxBy(start => Forecasts[start].SwitchesOver ? Forecasts[start].TotalTimeMilliseconds : double.PositiveInfinity);

    /// <summary>Whether nine of ten complete.</summary>
    /// <param name="failures">that do not</param>
    /// <param name="of">all</param>
    public static bool IsLikely(int failures, int of) => failures * 10 <= of;

    /// <summary>Starts of a workload, in microseconds of the recording: of one that is alike everywhere there is one.</summary>
    public static IReadOnlyList<long> StartsOf(IForecastWorkload workload) => workload is DirtyTimeline timeline
        ? [.. Enumerable.Range(0, Starts).Select(start => timeline.PassMicroseconds * start / Starts)]
        : [0];

    /// <param name="workload">a recording; of another workload there is one start</param>
    /// <param name="parameters">of the migration</param>
    /// <param name="settings">of the guest; its start is not looked at</param>
    public static ForecastsByStart Of(IForecastWorkload workload, MigrationParameters parameters, ForecastSettings settings) =>
        new([.. StartsOf(workload).Select(start => Forecaster.Run(workload, parameters, settings with { StartMicroseconds = start }))]);

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
