using System.Text.Json.Serialization;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Results;

/// <summary>One round of pre-copy as measured, in the words of <see cref="ForecastRound"/>, and what was expected of it.</summary>
public sealed record MigrationRound
{
    public required int Round { get; init; }
    public required long Pages { get; init; }
    public required long Duplicate { get; init; }
    public required long Transferred { get; init; }
    public required double DurationMilliseconds { get; init; }
    public required long DirtiedPages { get; init; }

    [JsonPropertyName("dirty-pages-rate")]
    public required double DirtyPagesRate { get; init; }

    public required long Remaining { get; init; }

    [JsonPropertyName("expected-downtime")]
    public required double ExpectedDowntimeMilliseconds { get; init; }

    [JsonPropertyName("cpu-throttle-percentage")]
    public required int CpuThrottlePercentage { get; init; }

    public required bool DirtyLimited { get; init; }
    public required long RingFullExits { get; init; }

    /// <summary>For which the link carried other migrations while this one had something to send.</summary>
    public required double LinkWaitMilliseconds { get; init; }

    /// <summary>At the sync that ended it, rounds gained nothing any more.</summary>
    public required bool Diverging { get; init; }

    /// <summary>Made at the sync that began the round; null without a bandwidth.</summary>
    public required ForecastRound? Predicted { get; init; }

    /// <summary>The round of this number in the forecast of the whole migration (<see cref="MigrationForecastResult"/>), made from the
    /// workload before the first page; null where that has no such round.</summary>
    public required ForecastRound? Forecast { get; init; }

    /// <summary>The largest error of the prediction, measured over predicted less one; null without a prediction.</summary>
    public required double? Gap { get; init; }

    /// <summary>Why the gap is beyond what the model promises; none when it is not, or nothing that was measured says why.</summary>
    public required GapReason? GapReason { get; init; }

    public static MigrationRound From(RoundInfo round, ForecastRound? predicted, PredictionGap? gap, ForecastRound? forecast = null) =>
        new()
        {
            Round = round.Round,
            Pages = round.Pages,
            Duplicate = round.Duplicate,
            Transferred = round.Bytes,
            DurationMilliseconds = round.Microseconds / 1e3,
            DirtiedPages = round.DirtyPages,
            DirtyPagesRate = Math.Round(round.DirtyPages * 1e6 / Math.Max(1, round.Microseconds), 1),
            Remaining = round.RemainingBytes,
            ExpectedDowntimeMilliseconds = round.ExpectedDowntimeMicroseconds / 1e3,
            CpuThrottlePercentage = round.ThrottlePercentage,
            DirtyLimited = round.DirtyLimited,
            RingFullExits = round.RingFullExits,
            LinkWaitMilliseconds = round.LinkWaitMicroseconds / 1e3,
            Diverging = round.Diverging,
            Predicted = predicted,
            Forecast = forecast,
            Gap = gap is null ? null : Math.Round(gap.Largest, 3),
            GapReason = gap?.Reason,
        };
}
