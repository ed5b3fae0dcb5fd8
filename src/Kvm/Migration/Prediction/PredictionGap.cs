namespace Livebed.Kvm.Migration.Prediction;

/// <summary>
/// How far a round was from its forecast, and what explains it. An error is measured over forecast, less one: 0.1 is ten percent more than expected.
/// </summary>
/// <param name="DurationError">of the duration</param>
/// <param name="BytesError">of the bytes on the wire</param>
/// <param name="DirtiedError">of the pages that were dirty at its end</param>
/// <param name="Reason">none if the model holds</param>
public sealed record PredictionGap(double DurationError, double BytesError, double DirtiedError, GapReason Reason)
{
    /// <summary>Up to here the model holds.</summary>
    public const double Tolerance = 0.1;

    /// <summary>Differences of so few pages, or of the time that they take, are no error: a model of expectations cannot know them.</summary>
    private const int PagesOfNoise = 16;

    /// <summary>The error that is farthest from 0.</summary>
    public double Largest => new[] { DurationError, BytesError, DirtiedError }.MaxBy(Math.Abs);

    public bool Holds => !Exceeds(Largest);

    /// <param name="forecast">of this round</param>
    /// <param name="measured">the same round</param>
    /// <param name="pageSize">bytes</param>
    /// <param name="bytesPerSecond">bandwidth that the forecast reckoned with</param>
    public static PredictionGap Between(ForecastRound forecast, MeasuredRound measured, int pageSize, double bytesPerSecond)
    {
        if (forecast.Round != measured.Round) throw new ArgumentException($"round {measured.Round} is held against the forecast of round {forecast.Round}", nameof(measured));
        var noise = PagesOfNoise * WireFormat.PageBytes(pageSize);
        var gap = new PredictionGap(
            Error(forecast.DurationMilliseconds, measured.DurationMilliseconds, noise / bytesPerSecond * 1e3),
            Error(forecast.Transferred, measured.Transferred, noise),
            Error(forecast.DirtiedPages, measured.DirtiedPages, PagesOfNoise),
            GapReason.None);
        return gap.Holds ? gap : gap with { Reason = gap.ReasonOf(forecast, measured, pageSize, bytesPerSecond) };
    }

    /// <summary>What slowed the guest changes everything after it; else the reason is that of the error that is farthest from 0.</summary>
    private GapReason ReasonOf(ForecastRound forecast, MeasuredRound measured, int pageSize, double bytesPerSecond)
    {
        if (measured.CpuThrottlePercentage != forecast.CpuThrottlePercentage || measured.DirtyLimited != forecast.DirtyLimited) return GapReason.Throttled;
        if (measured.RingFullExits > 0) return GapReason.RingFull;
        var wroteOtherwise = Exceeds(DirtiedError) && Exceeds(Error(PerSecond(forecast.DirtiedPages, forecast.DurationMilliseconds), PerSecond(measured.DirtiedPages, measured.DurationMilliseconds), 0));
        if (wroteOtherwise && Largest == DirtiedError) return GapReason.DirtyRate;
        if (Exceeds(BytesError) && !Exceeds(Error(forecast.Transferred - ZeroBytesSaved(forecast, measured, pageSize), measured.Transferred, 0))) return GapReason.ZeroPages;
        var milliseconds = measured.Transferred / bytesPerSecond * 1e3;
        if (milliseconds >= measured.DurationMilliseconds * (1 - Tolerance)) return wroteOtherwise ? GapReason.DirtyRate : GapReason.None;
        return measured.LinkWaitMilliseconds >= (measured.DurationMilliseconds - milliseconds) / 2 ? GapReason.LinkShared : GapReason.LinkSaturated;
    }

    private static long ZeroBytesSaved(ForecastRound forecast, MeasuredRound measured, int pageSize) =>
        (measured.Duplicate - forecast.Duplicate) * (WireFormat.PageBytes(pageSize) - WireFormat.ZeroPageBytes);

    /// <summary>A round without duration had no rate that could be another.</summary>
    private static double PerSecond(long count, double milliseconds) => milliseconds > 0 ? count / (milliseconds / 1e3) : double.PositiveInfinity;

    private static bool Exceeds(double error) => Math.Abs(error) > Tolerance;

    /// <summary>A difference within the noise is none, and what was not expected at all is a whole.</summary>
    private static double Error(double forecast, double measured, double noise)
    {
        if (Math.Abs(measured - forecast) <= noise) return 0;
        return forecast > 0 ? measured / forecast - 1 : 1;
    }
}
