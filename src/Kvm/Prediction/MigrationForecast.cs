using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// What a migration is expected to be, round by round; times in
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
    public required int DirtySyncCount { get; init; }

    /// <summary>Bytes on the wire: all rounds, and the rest that went during the downtime or in post-copy.</summary>
    public required long Transferred { get; init; }

    public required double TotalTimeMilliseconds { get; init; }

    /// <summary>Null when there is no switchover.</summary>
    public double? DowntimeMilliseconds { get; init; }

    /// <summary>Bytes that are left when it is given up; 0 when it completes.</summary>
    public required long Remaining { get; init; }

    /// <summary>Guest time lost to throttling while the rounds went.</summary>
    public required double ThrottledMilliseconds { get; init; }

    public required IReadOnlyList<Round> Rounds { get; init; }

    /// <summary>Null unless it goes over to post-copy.</summary>
    public PostcopyForecast? Postcopy { get; init; }

    /// <summary>Part of the downtime that no page explains.</summary>
    public double SwitchoverCostMilliseconds { get; init; }

    /// <summary>Bytes that went while the guest stood still; null when there is no switchover.</summary>
    public long? DowntimeBytes { get; init; }

    /// <summary>How long the guest would have stood still if it had been stopped at the limit; null for a switchover, and where that was
    /// not looked at.</summary>
    public double? StopAtLimitMilliseconds { get; init; }

    /// <summary>The longest time in which what was known to be left had no new low, as a watcher of <c>query-migrate</c> sees it; null
    /// where that was not looked at.</summary>
    public double? LongestWithoutProgressMilliseconds { get; init; }

    /// <summary>It is over within all limits.</summary>
    public bool Completes => Verdict is ForecastVerdict.Converges or ForecastVerdict.Postcopy;

    /// <summary>The guest goes over, however long it stands still.</summary>
    public bool SwitchesOver => DowntimeMilliseconds is not null;

    /// <summary>Whether a downtime, cost included, is above the limit by more than rounding.</summary>
    internal static bool IsOverLimit(double seconds, MigrationParameters parameters) =>
        seconds * 1e6 > parameters.DowntimeLimitMicroseconds + 0.5;
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

    /// <summary>It completes, and the guest stands still for longer than the downtime limit: the limit does not apply to what a switchover
    /// costs beside the pages, nor to a forced stop.</summary>
    OverLimit,
}

/// <summary>What ended a forecast that does not complete.</summary>
public enum ForecastLimit : byte
{
    None,
    TimeLimit,
    RoundsMax,
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
    public required long PostcopyRequests { get; init; }

    /// <summary>How long vCPUs wait for such pages, added up.</summary>
    public required double BlocktimeMilliseconds { get; init; }

    /// <param name="push">as it went</param>
    /// <param name="discardBytes">of the list of missing pages</param>
    internal static PostcopyForecast Of(PushTraffic push, long discardBytes) => new()
    {
        MissingPages = push.Pages,
        DiscardBytes = discardBytes,
        DurationMilliseconds = Math.Round(push.Seconds * 1e3, 3),
        PostcopyRequests = push.Requests,
        BlocktimeMilliseconds = Math.Round(push.BlockedSeconds * 1e3, 3),
    };
}
