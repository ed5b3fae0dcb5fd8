using Livebed.Kvm.Migration;

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
    public static PredictionGap Between(Round forecast, Round measured, int pageSize, double bytesPerSecond)
    {
        if (forecast.Number != measured.Number)
            throw new ArgumentException(
                $"round {measured.Number} is held against the forecast of round {forecast.Number}", nameof(measured));
        var noise = PagesOfNoise * WireFormat.PageBytes(pageSize);
        var gap = new PredictionGap(
            Error(forecast.Microseconds, measured.Microseconds, noise / bytesPerSecond * 1e6),
            Error(forecast.Bytes, measured.Bytes, noise),
            Error(forecast.DirtyPages, measured.DirtyPages, PagesOfNoise),
            GapReason.None);
        return gap.Holds ? gap : gap with { Reason = gap.ReasonOf(forecast, measured, pageSize, bytesPerSecond) };
    }

    /// <summary>What slowed the guest changes everything after it; else the reason is that of the error that is farthest from 0.</summary>
    private GapReason ReasonOf(Round forecast, Round measured, int pageSize, double bytesPerSecond)
    {
        if (measured.ThrottlePercentage != forecast.ThrottlePercentage || measured.DirtyLimited != forecast.DirtyLimited)
            return GapReason.Throttled;
        if (measured.RingFullExits > 0) return GapReason.RingFull;
        var rateExpected = PerSecond(forecast.DirtyPages, forecast.Microseconds);
        var rateMeasured = PerSecond(measured.DirtyPages, measured.Microseconds);
        var wroteOtherwise = Exceeds(DirtiedError) && Exceeds(Error(rateExpected, rateMeasured, 0));
        if (wroteOtherwise && Largest == DirtiedError) return GapReason.DirtyRate;
        var bytesWithItsZeroes = forecast.Bytes - ZeroBytesSaved(forecast, measured, pageSize);
        if (Exceeds(BytesError) && !Exceeds(Error(bytesWithItsZeroes, measured.Bytes, 0))) return GapReason.ZeroPages;
        var microseconds = measured.Bytes / bytesPerSecond * 1e6;
        if (microseconds >= measured.Microseconds * (1 - Tolerance)) return wroteOtherwise ? GapReason.DirtyRate : GapReason.None;
        return measured.LinkWaitMicroseconds >= (measured.Microseconds - microseconds) / 2
            ? GapReason.LinkShared
            : GapReason.LinkSaturated;
    }

    private static long ZeroBytesSaved(Round forecast, Round measured, int pageSize) =>
        (measured.ZeroPages - forecast.ZeroPages) * (WireFormat.PageBytes(pageSize) - WireFormat.ZeroPageBytes);

    /// <summary>A round without duration had no rate that could be another.</summary>
    private static double PerSecond(long count, long microseconds) =>
        microseconds > 0 ? count * 1e6 / microseconds : double.PositiveInfinity;

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
