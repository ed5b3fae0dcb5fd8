using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Results;

/// <summary>One round of pre-copy, measured or predicted, with the names of QEMU's <c>query-migrate</c> where it has such; times in
/// milliseconds, sizes in bytes.</summary>
public record RoundResult
{
    /// <summary>0 is the round that sends every page.</summary>
    public required int Round { get; init; }

    /// <summary>Pages sent, zero pages among them.</summary>
    public required long Pages { get; init; }

    /// <summary>Pages of which only the address was sent.</summary>
    public required long Duplicate { get; init; }

    /// <summary>Bytes on the wire, headers included.</summary>
    public required long Transferred { get; init; }

    public required double DurationMilliseconds { get; init; }

    /// <summary>Pages that are dirty at the sync that ends the round.</summary>
    public required long DirtiedPages { get; init; }

    /// <summary>Those per second of the round.</summary>
    [JsonPropertyName("dirty-pages-rate")]
    public required double DirtyPagesRate { get; init; }

    /// <summary>Bytes that are left at that sync.</summary>
    public required long Remaining { get; init; }

    /// <summary>Downtime of a switchover at that sync.</summary>
    [JsonPropertyName("expected-downtime")]
    public required double ExpectedDowntimeMilliseconds { get; init; }

    /// <summary>How much the guest was slowed down during the round.</summary>
    [JsonPropertyName("cpu-throttle-percentage")]
    public required int CpuThrottlePercentage { get; init; }

    /// <summary>The dirty limit was on during the round.</summary>
    public required bool DirtyLimited { get; init; }

    [return: NotNullIfNotNull(nameof(round))]
    public static RoundResult? From(Round? round) => round is null ? null : new()
    {
        Round = round.Number,
        Pages = round.Pages,
        Duplicate = round.ZeroPages,
        Transferred = round.Bytes,
        DurationMilliseconds = round.Microseconds / 1e3,
        DirtiedPages = round.DirtyPages,
        DirtyPagesRate = Math.Round(round.DirtyPagesPerSecond, 1),
        Remaining = round.RemainingBytes,
        ExpectedDowntimeMilliseconds = round.ExpectedDowntimeMicroseconds / 1e3,
        CpuThrottlePercentage = round.ThrottlePercentage,
        DirtyLimited = round.DirtyLimited,
    };
}

/// <summary>One round of pre-copy as measured, and what was expected of it.</summary>
public sealed record MigrationRound : RoundResult
{
    public MigrationRound()
    {
    }

    [SetsRequiredMembers]
    private MigrationRound(Round round)
        : base(RoundResult.From(round))
    {
        RingFullExits = round.RingFullExits;
        LinkWaitMilliseconds = round.LinkWaitMicroseconds / 1e3;
        Diverging = round.Diverging;
    }

    public required long RingFullExits { get; init; }

    /// <summary>For which the link carried other migrations while this one had something to send.</summary>
    public required double LinkWaitMilliseconds { get; init; }

    /// <summary>At the sync that ended it, rounds gained nothing any more.</summary>
    public required bool Diverging { get; init; }

    /// <summary>Made at the sync that began the round; null without a bandwidth.</summary>
    public required RoundResult? Predicted { get; init; }

    /// <summary>The round of this number in the forecast of the whole migration (<see cref="MigrationForecastResult"/>), made from the
    /// workload before the first page; null where that has no such round.</summary>
    public required RoundResult? Forecast { get; init; }

    /// <summary>The largest error of the prediction, measured over predicted less one; null without a prediction.</summary>
    public required double? Gap { get; init; }

    /// <summary>Why the gap is beyond what the model promises; none when it is not, or nothing that was measured says why.</summary>
    public required GapReason? GapReason { get; init; }

    public static MigrationRound From(Round measured, Round? predicted, PredictionGap? gap, Round? forecast = null) => new(measured)
    {
        Predicted = RoundResult.From(predicted),
        Forecast = RoundResult.From(forecast),
        Gap = gap is null ? null : Math.Round(gap.Largest, 3),
        GapReason = gap?.Reason,
    };
}
