using System.Text.Json.Serialization;

namespace Livebed.Kvm.Migration.Prediction;

/// <summary>
/// What a migration is expected to be, round by round, with the names of QEMU's <c>query-migrate</c> where it has such; times in milliseconds. Of one that
/// does not complete, the figures are those of the moment when it is given up.
/// </summary>
public sealed record MigrationForecast
{
    public required ForecastVerdict Verdict { get; init; }

    /// <summary>What ended it when it does not complete.</summary>
    public required ForecastLimit Limit { get; init; }

    /// <summary>The round from which on rounds gain nothing; null unless diverging.</summary>
    public int? DivergingRound { get; init; }

    /// <summary>Syncs: at set-up, after each round, and with the vCPUs stopped.</summary>
    [JsonPropertyName("dirty-sync-count")]
    public required int DirtySyncCount { get; init; }

    /// <summary>Bytes on the wire: all rounds, and the rest that went during the downtime or in post-copy.</summary>
    [JsonPropertyName("transferred")]
    public required long Transferred { get; init; }

    [JsonPropertyName("total-time")]
    public required double TotalTimeMilliseconds { get; init; }

    /// <summary>Null when there is no switchover.</summary>
    [JsonPropertyName("downtime")]
    public double? DowntimeMilliseconds { get; init; }

    /// <summary>Bytes that are left when it is given up; 0 when it completes.</summary>
    [JsonPropertyName("remaining")]
    public required long Remaining { get; init; }

    /// <summary>Guest time lost to throttling while the rounds went.</summary>
    public required double ThrottledMilliseconds { get; init; }

    public required IReadOnlyList<ForecastRound> Rounds { get; init; }

    /// <summary>Null unless it goes over to post-copy.</summary>
    public PostcopyForecast? Postcopy { get; init; }

    [JsonIgnore]
    public bool Completes => Verdict is ForecastVerdict.Converges or ForecastVerdict.Postcopy;
}
