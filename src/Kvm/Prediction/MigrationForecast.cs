using System.Text.Json.Serialization;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// What a migration is expected to be, round by round, with the names of QEMU's <c>query-migrate</c> where it has such; times in
/// milliseconds. Of one that does not complete, the figures are those of the moment when it is given up.
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

public enum ForecastVerdict : byte
{
    /// <summary>It completes in pre-copy, within downtime limit, time limit and rounds.</summary>
    Converges,

    /// <summary>It completes in post-copy.</summary>
    Postcopy,

    /// <summary>Rounds gain nothing any more: the guest dirties what the link carries.</summary>
    Diverging,

    /// <summary>Rounds still get shorter when time or rounds are over.</summary>
    OutOfTime,
}

/// <summary>What ended a forecast that does not complete.</summary>
public enum ForecastLimit : byte
{
    None,
    TimeLimit,
    RoundsMax,
}

/// <summary>One pre-copy round as it is expected, with the names of QEMU's <c>query-migrate</c> where it has such; times in
/// milliseconds.</summary>
public sealed record ForecastRound
{
    /// <summary>0 is the round that sends every page.</summary>
    public required int Round { get; init; }

    /// <summary>Pages sent, zero pages among them.</summary>
    public required long Pages { get; init; }

    /// <summary>Pages of which only the address was sent.</summary>
    [JsonPropertyName("duplicate")]
    public long Duplicate { get; init; }

    /// <summary>Bytes on the wire, headers included.</summary>
    [JsonPropertyName("transferred")]
    public required long Transferred { get; init; }

    public required double DurationMilliseconds { get; init; }

    /// <summary>Pages that are dirty at the sync that ends the round.</summary>
    public required long DirtiedPages { get; init; }

    /// <summary>Those per second of the round.</summary>
    [JsonPropertyName("dirty-pages-rate")]
    public required double DirtyPagesRate { get; init; }

    /// <summary>Bytes on the wire that are left at that sync.</summary>
    [JsonPropertyName("remaining")]
    public required long Remaining { get; init; }

    /// <summary>Downtime of a switchover at that sync.</summary>
    [JsonPropertyName("expected-downtime")]
    public required double ExpectedDowntimeMilliseconds { get; init; }

    /// <summary>How much the guest was slowed down during the round.</summary>
    [JsonPropertyName("cpu-throttle-percentage")]
    public int CpuThrottlePercentage { get; init; }

    /// <summary>The dirty limit was on during the round.</summary>
    public bool DirtyLimited { get; init; }
}

/// <summary>The post-copy phase as it is expected; times in milliseconds.</summary>
public sealed record PostcopyForecast
{
    /// <summary>Pages that are missing at the destination when it begins to run.</summary>
    public required long MissingPages { get; init; }

    /// <summary>Bytes of the list that names them.</summary>
    public required long DiscardBytes { get; init; }

    /// <summary>From the first instruction on the destination to the last page.</summary>
    public required double DurationMilliseconds { get; init; }

    /// <summary>Writes that find their page missing and fetch it. Reads are not recorded, so this is a lower bound.</summary>
    [JsonPropertyName("postcopy-requests")]
    public required long PostcopyRequests { get; init; }

    /// <summary>How long vCPUs wait for such pages, added up.</summary>
    [JsonPropertyName("postcopy-blocktime")]
    public required double BlocktimeMilliseconds { get; init; }
}
