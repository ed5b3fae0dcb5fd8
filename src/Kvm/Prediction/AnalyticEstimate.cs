using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// The analytic model of a workload beside its trace: a constant rate (geometric), and a rate with a hot set. Both are measured from the
/// distinct pages that the recording writes in windows as long as round 0, a pass at most. Neither knows throttling or post-copy, and every
/// write counts, as with plain clears.
/// </summary>
/// <param name="Writes">the curve through the distinct pages of windows of half that length and of all of it</param>
/// <param name="Geometric">in closed form</param>
/// <param name="WithHotSet">round by round with that curve</param>
public sealed record AnalyticEstimate(WorkingSet Writes, GeometricModel Geometric, MigrationForecast WithHotSet)
{
    public static AnalyticEstimate Of(DirtyTimeline timeline, MigrationParameters parameters, ForecastSettings settings)
    {
        var pages = settings.MemoryPages == 0 ? timeline.Pages : settings.MemoryPages;
        var firstRoundSeconds = FirstRoundBytes(pages, settings) / parameters.MaxBandwidth;
        var recorded = Math.Clamp(firstRoundSeconds * settings.Speed * 1e6, 1, timeline.PassMicroseconds);
        var (half, whole) = (timeline.MeanDistinctPages(recorded / 2), timeline.MeanDistinctPages(recorded));
        var writes = WorkingSet.Fit(recorded / 2e6, half, whole);
        return Of(writes, whole / (recorded / 1e6), parameters, settings with { MemoryPages = pages });
    }

    /// <param name="writes">of the guest</param>
    /// <param name="pagesPerSecond">for the geometric model</param>
    /// <param name="parameters">of the migration</param>
    /// <param name="settings">with the pages of the memory</param>
    public static AnalyticEstimate Of(WorkingSet writes, double pagesPerSecond, MigrationParameters parameters, ForecastSettings settings)
    {
        var plain = parameters with { Throttle = ThrottleKind.None, PostcopyAfterRounds = 0 };
        return new AnalyticEstimate(
            writes,
            new GeometricModel(
                FirstRoundBytes(settings.MemoryPages, settings), pagesPerSecond * settings.Speed * WireFormat.PageBytes(settings.PageSize),
                parameters.MaxBandwidth,
                parameters.DowntimeLimitMicroseconds / 1e6),
            Forecaster.Run(new SteadyWorkload(writes), plain, settings with { Clear = DirtyLogClear.Plain, Sender = SenderCosts.None }));
    }

    private static double FirstRoundBytes(long pages, ForecastSettings settings) =>
        pages * (settings.ZeroShare * WireFormat.ZeroPageBytes + (1 - settings.ZeroShare) * WireFormat.PageBytes(settings.PageSize));
}
