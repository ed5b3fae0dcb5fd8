namespace Livebed.Kvm.Prediction;

/// <summary>
/// How far a round was from its forecast, and what explains it. An error is measured over forecast, less one: 0.1 is ten percent more than
/// expected.
/// </summary>
/// <param name="DurationError">of the duration</param>
/// <param name="BytesError">of the bytes on the wire</param>
/// <param name="DirtiedError">of the pages that were dirty at its end</param>
/// <param name="Reason">none if the model holds</param>
public sealed record PredictionGap(double DurationError, double BytesError, double DirtiedError, GapReason Reason)
{
    /// <summary>Up to here the model holds.</summary>
    public const double Tolerance = 0.1;

    /// <summary>Differences of so few pages, or of the time that they take, are no error: a model of expectations cannot know
    /// them.</summary>
    private const int PagesOfNoise = 16;

    /// <summary>The error that is farthest from 0.</summary>
    public double Largest => new[] { DurationError, BytesError, DirtiedError }.MaxBy(Math.Abs);

    public bool Holds => !Exceeds(Largest);

    /// <param name="forecast">of this round</param>
    /// <param name="measured">the same round</param>
    /// <param name="pageSize">bytes</param>
    /// <param name="bytesPerSecond">bandwidth of the forecast</param>
    public static PredictionGap Between(ForecastRound forecast, MeasuredRound measured, int pageSize, double bytesPerSecond)
    {
        if (forecast.Round != measured.Round)
            throw new ArgumentException($"round {measured.Round} is held against the forecast of round {forecast.Round}", nameof(measured));
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
        if (measured.CpuThrottlePercentage != forecast.CpuThrottlePercentage || measured.DirtyLimited != forecast.DirtyLimited)
            return GapReason.Throttled;
        if (measured.RingFullExits > 0) return GapReason.RingFull;
        var rateExpected = PerSecond(forecast.DirtiedPages, forecast.DurationMilliseconds);
        var rateMeasured = PerSecond(measured.DirtiedPages, measured.DurationMilliseconds);
        var wroteOtherwise = Exceeds(DirtiedError) && Exceeds(Error(rateExpected, rateMeasured, 0));
        if (wroteOtherwise && Largest == DirtiedError) return GapReason.DirtyRate;
        var bytesWithItsZeroes = forecast.Transferred - ZeroBytesSaved(forecast, measured, pageSize);
        if (Exceeds(BytesError) && !Exceeds(Error(bytesWithItsZeroes, measured.Transferred, 0))) return GapReason.ZeroPages;
        var milliseconds = measured.Transferred / bytesPerSecond * 1e3;
        if (milliseconds >= measured.DurationMilliseconds * (1 - Tolerance)) return wroteOtherwise ? GapReason.DirtyRate : GapReason.None;
        return measured.LinkWaitMilliseconds >= (measured.DurationMilliseconds - milliseconds) / 2
            ? GapReason.LinkShared
            : GapReason.LinkSaturated;
    }

    private static long ZeroBytesSaved(ForecastRound forecast, MeasuredRound measured, int pageSize) =>
        (measured.Duplicate - forecast.Duplicate) * (WireFormat.PageBytes(pageSize) - WireFormat.ZeroPageBytes);

    /// <summary>A round without duration had no rate that could be another.</summary>
    private static double PerSecond(long count, double milliseconds) =>
        milliseconds > 0 ? count / (milliseconds / 1e3) : double.PositiveInfinity;

    private static bool Exceeds(double error) => Math.Abs(error) > Tolerance;

    /// <summary>A difference within the noise is none, and what was not expected at all is a whole.</summary>
    private static double Error(double forecast, double measured, double noise)
    {
        if (Math.Abs(measured - forecast) <= noise) return 0;
        return forecast > 0 ? measured / forecast - 1 : 1;
    }
}

/// <summary>Why a model does not hold for a round.</summary>
public enum GapReason : byte
{
    /// <summary>The model holds, or nothing that was measured says why it does not.</summary>
    None,

    /// <summary>The guest was slowed down otherwise than in the forecast.</summary>
    Throttled,

    /// <summary>vCPUs stopped because their dirty ring was full: the guest wrote less than its program would.</summary>
    RingFull,

    /// <summary>The link carried less than its bandwidth says, and for most of the time that this cost it carried other
    /// migrations.</summary>
    LinkShared,

    /// <summary>The link, or what feeds it, carried less than its bandwidth says.</summary>
    LinkSaturated,

    /// <summary>Other pages were zero than was known: with as many zero pages as there were, the bytes would be those of the
    /// forecast.</summary>
    ZeroPages,

    /// <summary>The guest wrote faster or slower than in the round before, or, in round 0, than its workload does on average.</summary>
    DirtyRate,
}

/// <summary>What a round was, as far as a forecast can be held against it.</summary>
/// <param name="Round">0 is the round that sends every page</param>
/// <param name="Transferred">bytes on the wire</param>
/// <param name="DurationMilliseconds">from sync to sync</param>
/// <param name="DirtiedPages">pages that were dirty at the sync that ended it</param>
/// <param name="CpuThrottlePercentage">how much the guest was slowed down</param>
/// <param name="DirtyLimited">the dirty limit was on</param>
/// <param name="RingFullExits">exits of vCPUs as their dirty ring was full</param>
/// <param name="Duplicate">zero pages among those sent</param>
/// <param name="LinkWaitMilliseconds">for which the link carried other migrations while this one had something to send</param>
public sealed record MeasuredRound(
    int Round, long Transferred, double DurationMilliseconds, long DirtiedPages, int CpuThrottlePercentage = 0, bool DirtyLimited = false,
    long RingFullExits = 0,
    long Duplicate = 0, double LinkWaitMilliseconds = 0);
