using System.Text.Json.Serialization;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Results;

/// <summary>What a migration is expected to be, round by round, as `predict --json` prints it: with the names of QEMU's
/// <c>query-migrate</c> where it has such; times in milliseconds.</summary>
/// <param name="Verdict">whether it completes, and how</param>
/// <param name="Limit">what ended it when it does not complete</param>
/// <param name="DivergingRound">the round from which on rounds gain nothing; null unless diverging</param>
/// <param name="DirtySyncCount">syncs: at set-up, after each round, and with the vCPUs stopped</param>
/// <param name="Transferred">bytes on the wire</param>
/// <param name="TotalTime">until it completes or is given up</param>
/// <param name="Downtime">null when there is no switchover</param>
/// <param name="Remaining">bytes that are left when it is given up; 0 when it completes</param>
/// <param name="ThrottledMilliseconds">guest time lost to throttling while the rounds went</param>
/// <param name="Rounds">of pre-copy</param>
/// <param name="Postcopy">null unless it goes over to post-copy</param>
public sealed record ForecastResult(
    ForecastVerdict Verdict,
    ForecastLimit Limit,
    int? DivergingRound,
    [property: JsonPropertyName("dirty-sync-count")] int DirtySyncCount,
    long Transferred,
    [property: JsonPropertyName("total-time")] double TotalTime,
    double? Downtime,
    long Remaining,
    double ThrottledMilliseconds,
    IReadOnlyList<RoundResult> Rounds,
    PostcopyForecastResult? Postcopy)
{
    public static ForecastResult From(MigrationForecast forecast) => new(
        forecast.Verdict, forecast.Limit, forecast.DivergingRound, forecast.DirtySyncCount, forecast.Transferred,
        forecast.TotalTimeMilliseconds, forecast.DowntimeMilliseconds, forecast.Remaining, forecast.ThrottledMilliseconds,
        [.. forecast.Rounds.Select(round => RoundResult.From(round))], PostcopyForecastResult.From(forecast.Postcopy));
}

/// <summary>The post-copy phase of a forecast; times in milliseconds.</summary>
/// <param name="MissingPages">pages that are missing at the destination when it begins to run</param>
/// <param name="DiscardBytes">bytes of the list that names them</param>
/// <param name="DurationMilliseconds">from the first instruction on the destination to the last page</param>
/// <param name="PostcopyRequests">writes that find their page missing and fetch it; a lower bound, as reads are not recorded</param>
/// <param name="Blocktime">how long vCPUs wait for such pages, added up</param>
public sealed record PostcopyForecastResult(
    long MissingPages,
    long DiscardBytes,
    double DurationMilliseconds,
    [property: JsonPropertyName("postcopy-requests")] long PostcopyRequests,
    [property: JsonPropertyName("postcopy-blocktime")] double Blocktime)
{
    public static PostcopyForecastResult? From(PostcopyForecast? postcopy) => postcopy is null
        ? null
        : new(
            postcopy.MissingPages, postcopy.DiscardBytes, postcopy.DurationMilliseconds, postcopy.PostcopyRequests,
            postcopy.BlocktimeMilliseconds);
}
