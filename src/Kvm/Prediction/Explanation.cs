using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// A measured migration beside the forecasts of all starts, round by round: whether it lies between the least and the most of them, to a
/// tenth, and if not why. A measured round of another length has other writes behind it, so rounds are compared by number, and a reason
/// once found is most of what later rounds have too.
/// </summary>
/// <param name="Rounds">each with its reason</param>
/// <param name="Unreachable">why the downtime limit was never in reach; null where it was</param>
public sealed record Explanation(IReadOnlyList<ExplainedRound> Rounds, UnreachableLimit? Unreachable)
{
    /// <summary>Up to where a figure counts as the forecast's.</summary>
    public const double Tolerance = 0.1;

    /// <summary>QEMU measures its <c>dirty-pages-rate</c> over a second at least (<c>migration_bitmap_sync</c>): of a shorter round it is
    /// that of the rounds before.</summary>
    private const double RatePeriodMilliseconds = 1_000;

    /// <summary>A model of expectations does not know so few pages.</summary>
    private const int PagesOfNoise = 16;

    /// <summary>The first round that departs; null when none does.</summary>
    public ExplainedRound? FirstDeparture => Rounds.FirstOrDefault(round => round.Reason != DepartureReason.Follows);

    /// <param name="measured">the log</param>
    /// <param name="byStart">forecasts with the settings that were used</param>
    /// <param name="bytesPerSecond">of the rounds, by name: cap or link</param>
    /// <param name="downtimeLimitMicroseconds">that was set</param>
    /// <param name="settings">of the guest</param>
    /// <param name="pollMilliseconds">how far the ends of a round may be off</param>
    public static Explanation Of(
        MeasuredMigration measured, ForecastsByStart byStart, double bytesPerSecond, long downtimeLimitMicroseconds,
        ForecastSettings settings, double pollMilliseconds)
    {
        var rounds = measured.Rounds.Select(round => Explain(round, byStart, bytesPerSecond, settings, pollMilliseconds)).ToList();
        return new Explanation(rounds, UnreachableLimit.Of(measured, byStart, downtimeLimitMicroseconds, bytesPerSecond));
    }

    private static ExplainedRound Explain(
        MeasuredRound round, ForecastsByStart byStart, double bytesPerSecond, ForecastSettings settings, double pollMilliseconds)
    {
        var forecasts = byStart.Forecasts.Where(forecast => forecast.Rounds.Count > round.Number)
            .Select(forecast => forecast.Rounds[round.Number])
            .ToList();
        if (forecasts.Count == 0)
            return new ExplainedRound(
                round, null, null, null, null, null, DepartedFigures.None,
                ReasonWithoutForecast(round, byStart, bytesPerSecond, pollMilliseconds));
        var explained = new ExplainedRound(
            round, Spread.Of(forecasts.Select(one => one.Microseconds / 1e3)), Spread.Of(forecasts.Select(one => (double)one.Bytes)),
            Spread.Of(forecasts.Select(one => (double)one.RemainingBytes * settings.PageSize / WireFormat.PageBytes(settings.PageSize))),
            Spread.Of(forecasts.Select(one => one.DirtyPagesPerSecond)), Spread.Of(forecasts.Select(one => one.Bandwidth)),
            DepartedFigures.None, DepartureReason.Follows);
        explained = explained with { Departs = DepartedOf(explained, bytesPerSecond, settings.PageSize, pollMilliseconds) };
        if (explained.Departs == DepartedFigures.None && round.ThrottlePercentage <= forecasts.Max(one => one.ThrottlePercentage))
            return explained;
        return explained with { Reason = ReasonOf(round, explained, forecasts, settings, bytesPerSecond, pollMilliseconds) };
    }

    /// <summary>Each figure that the log has, held against the forecast's. A poll comes up to a gap late, and meanwhile the link has
    /// carried on.</summary>
    private static DepartedFigures DepartedOf(ExplainedRound explained, double bytesPerSecond, int pageSize, double pollMilliseconds)
    {
        var (round, departs) = (explained.Measured, DepartedFigures.None);
        var sentInPoll = pollMilliseconds * bytesPerSecond / 1e3;
        if (!IsWithin(round.Milliseconds, explained.Milliseconds!, pollMilliseconds)) departs |= DepartedFigures.Time;
        if (!IsWithin(round.Bytes, explained.Bytes!, sentInPoll)) departs |= DepartedFigures.Bytes;
        if (!IsWithin(round.LeftBytes, explained.Left!, sentInPoll + PagesOfNoise * pageSize)) departs |= DepartedFigures.Left;
        if (round.Milliseconds >= RatePeriodMilliseconds && !IsWithin(round.DirtyPagesPerSecond, explained.DirtyPagesPerSecond!, 0))
            departs |= DepartedFigures.DirtyRate;
        // Both ends may be off by a gap, so a short round says nothing of the link.
        var inaccuracy = round.Milliseconds > 0 ? 2 * pollMilliseconds / round.Milliseconds : 1;
        if (inaccuracy < 0.5 && !IsWithin(round.Bandwidth, explained.Bandwidth!, inaccuracy * bytesPerSecond))
            departs |= DepartedFigures.Bandwidth;
        return departs;
    }

    /// <summary>What slows the guest changes everything after it; then what slows the link; then what was sent.</summary>
    private static DepartureReason ReasonOf(
        MeasuredRound round, ExplainedRound explained, List<Round> forecasts, ForecastSettings settings, double bytesPerSecond,
        double pollMilliseconds)
    {
        if (round.ThrottlePercentage > forecasts.Max(one => one.ThrottlePercentage)) return DepartureReason.Throttled;
        if (round.ZeroPages is { } zero && IsOther(zero, forecasts.Select(one => (double)one.ZeroPages), round.Bytes))
            return DepartureReason.ZeroPages;
        if (IsLinkSlow(round, bytesPerSecond, forecasts, pollMilliseconds)) return DepartureReason.LinkBelowItsName;
        if (explained.Departs.HasFlag(DepartedFigures.Bandwidth) && round.Bandwidth > explained.Bandwidth!.Most)
            return DepartureReason.LinkAboveItsName;

        // Where the log has no rate, what was left says it.
        var leftRate = explained.Departs.HasFlag(DepartedFigures.Left) && round.Milliseconds > 0
            ? round.LeftBytes * 1e3 / settings.PageSize / round.Milliseconds
            : null;
        if ((round.DirtyPagesPerSecond ?? leftRate) is { } rate)
        {
            if (rate > explained.DirtyPagesPerSecond!.Most * (1 + Tolerance)) return DepartureReason.DirtyRateHigher;
            if (rate < explained.DirtyPagesPerSecond.Least * (1 - Tolerance)) return DepartureReason.DirtyRateLower;
        }

        // It was sent to its end although what was known to be left would have asked for a sync before.
        if (round.LeftBeforeSync is { } left && round.Milliseconds > explained.Milliseconds!.Most + pollMilliseconds
            && left < explained.Left!.Least / 2) return DepartureReason.SyncLate;
        return DepartureReason.Unknown;
    }

    private static DepartureReason ReasonWithoutForecast(
        MeasuredRound round, ForecastsByStart byStart, double bytesPerSecond, double pollMilliseconds)
    {
        if (round.ThrottlePercentage > 0 && byStart.Forecasts.All(one => one.Rounds.All(other => other.ThrottlePercentage == 0)))
            return DepartureReason.Throttled;
        if (IsLinkSlow(round, bytesPerSecond, [], pollMilliseconds)) return DepartureReason.LinkBelowItsName;
        var most = byStart.Forecasts.SelectMany(one => one.Rounds)
            .Select(one => one.DirtyPagesPerSecond).DefaultIfEmpty(double.MaxValue).Max();
        return round.DirtyPagesPerSecond > most * (1 + Tolerance) ? DepartureReason.DirtyRateHigher : DepartureReason.MoreRounds;
    }

    /// <summary>Bytes that the time does not explain; a round with many zero pages, and one that sleeps in its windows, is slow by
    /// itself. Of a round that is not longer than the gap between two polls nothing is known.</summary>
    private static bool IsLinkSlow(MeasuredRound round, double bytesPerSecond, List<Round> forecasts, double pollMilliseconds)
    {
        var slowest = forecasts.Select(one => one.Bandwidth).DefaultIfEmpty(bytesPerSecond).Min();
        var least = round.Milliseconds - pollMilliseconds;
        return least > 0 && round.Bytes * 1e3 / least < Math.Min(slowest, bytesPerSecond) * (1 - Tolerance);
    }

    private static bool IsWithin(double? value, Spread spread, double noise) =>
        value is not { } known
            || (known >= spread.Least * (1 - Tolerance) - noise && known <= spread.Most * (1 + Tolerance) + noise);

    private static bool IsOther(double value, IEnumerable<double> forecast, long? bytes)
    {
        var spread = Spread.Of(forecast)!;
        const double Page = 4096;
        var tolerated = Math.Max(16, (bytes ?? 0) / Page * Tolerance);
        return value < spread.Least - tolerated || value > spread.Most + tolerated;
    }
}

/// <summary>A measured round beside its forecasts.</summary>
/// <param name="Measured">as the log has it</param>
/// <param name="Milliseconds">forecast of its duration; null where no start has so many rounds</param>
/// <param name="Bytes">forecast of what it sends</param>
/// <param name="Left">forecast of what is left after it, in bytes without headers</param>
/// <param name="DirtyPagesPerSecond">forecast of the rate</param>
/// <param name="Bandwidth">forecast of the bytes a second that it is sent with</param>
/// <param name="Departs">figures that are not as forecast</param>
/// <param name="Reason">why it departs</param>
public sealed record ExplainedRound(
    MeasuredRound Measured, Spread? Milliseconds, Spread? Bytes, Spread? Left, Spread? DirtyPagesPerSecond, Spread? Bandwidth,
    DepartedFigures Departs, DepartureReason Reason);

/// <summary>Figures of a round that are not as forecast.</summary>
[Flags]
public enum DepartedFigures : byte
{
    None = 0,
    Time = 1,
    Bytes = 2,
    DirtyRate = 4,
    Bandwidth = 8,
    Left = 16,
}

/// <summary>Why a measured round is not as forecast.</summary>
public enum DepartureReason : byte
{
    Follows,

    /// <summary>The guest was slowed down, and the forecast knows of no throttle, or of less.</summary>
    Throttled,

    /// <summary>Fewer bytes a second went than the cap or the link says.</summary>
    LinkBelowItsName,

    /// <summary>More bytes a second went than the cap or the link is said to carry.</summary>
    LinkAboveItsName,

    /// <summary>Other pages were zero than the forecast takes to be.</summary>
    ZeroPages,

    /// <summary>The guest dirtied more pages a second than in any part of the recording.</summary>
    DirtyRateHigher,

    /// <summary>It dirtied fewer than in any part of it.</summary>
    DirtyRateLower,

    /// <summary>The sync came later than what was known to be left asked for.</summary>
    SyncLate,

    /// <summary>It has more rounds than the forecast of any start.</summary>
    MoreRounds,

    /// <summary>None of the above.</summary>
    Unknown,
}

/// <summary>A downtime limit that was never in reach.</summary>
/// <param name="LeastLeft">bytes, the least that a sync left</param>
/// <param name="NeededMilliseconds">downtime limit with which that would have fit, at the measured bandwidth</param>
/// <param name="IsForecast">no start of the forecast completes either</param>
public sealed record UnreachableLimit(long LeastLeft, double NeededMilliseconds, bool IsForecast)
{
    public static UnreachableLimit? Of(
        MeasuredMigration measured, ForecastsByStart byStart, long downtimeLimitMicroseconds, double bytesPerSecond)
    {
        var rounds = measured.Rounds.Where(round => round.LeftBytes is not null).ToList();
        if (measured.IsCompleted || rounds.Count < 2) return null;
        var bandwidth = rounds.Select(round => round.Bandwidth).Where(one => one > 0).DefaultIfEmpty(bytesPerSecond).Max()!.Value;
        var least = rounds.Min(round => round.LeftBytes!.Value);
        var needed = least * 1e3 / bandwidth;
        return needed * 1e3 <= downtimeLimitMicroseconds
            ? null
            : new UnreachableLimit(least, Math.Round(needed, 3), byStart.Forecasts.All(forecast => !forecast.Completes));
    }
}
