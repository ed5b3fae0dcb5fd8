using System.Text.Json.Serialization;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Results;

/// <summary>One migration under the field names of QEMU's <c>query-migrate</c> where it has such; times in milliseconds, sizes in
/// bytes.</summary>
public sealed record MigrationResult
{
    /// <summary>The place in the fleet: "redis (vm-0)".</summary>
    public required string Vm { get; init; }

    /// <summary>The campaign's name of this kind of VM.</summary>
    public required string Workload { get; init; }

    public required string Source { get; init; }
    public required string Destination { get; init; }

    /// <summary>Under which the VM ran afterwards; 0 when it was never asked to move.</summary>
    public required long Epoch { get; init; }

    public required MigrationStatus Status { get; init; }

    /// <summary>Why it failed, gave up or was forced; null when there is nothing to say.</summary>
    public required string? Reason { get; init; }

    /// <summary>It failed in post-copy: neither side has the whole guest.</summary>
    public required bool GuestLost { get; init; }

    [JsonPropertyName("total-time")]
    public required double TotalTime { get; init; }

    [JsonPropertyName("setup-time")]
    public required double SetupTime { get; init; }

    [JsonPropertyName("downtime")]
    public required double Downtime { get; init; }

    /// <summary>As it was set.</summary>
    [JsonPropertyName("downtime-limit")]
    public required double DowntimeLimit { get; init; }

    /// <summary>What the downtime was spent on.</summary>
    public required MigrationDowntime DowntimeParts { get; init; }

    /// <summary>For which the guest stood in addition, so that its memory could be compared; no real migration does.</summary>
    public required double CheckTime { get; init; }

    [JsonPropertyName("expected-downtime")]
    public required double ExpectedDowntime { get; init; }

    [JsonPropertyName("cpu-throttle-percentage")]
    public required int CpuThrottlePercentage { get; init; }

    /// <summary>How long each vCPU slept so that the migration converges; empty when none was throttled.</summary>
    [JsonPropertyName("vcpu-throttle-time")]
    public required IReadOnlyList<double> VcpuThrottleTime { get; init; }

    public required MigrationRam Ram { get; init; }

    /// <summary>While every vCPU waited for a page in post-copy.</summary>
    [JsonPropertyName("postcopy-blocktime")]
    public required double PostcopyBlocktime { get; init; }

    /// <summary>How long each vCPU waited for pages in post-copy; empty without post-copy.</summary>
    [JsonPropertyName("postcopy-vcpu-blocktime")]
    public required IReadOnlyList<double> PostcopyVcpuBlocktime { get; init; }

    /// <summary>How often the link broke in post-copy.</summary>
    public required int PostcopyPauses { get; init; }

    /// <summary>From what was known before each step; null without a bandwidth.</summary>
    public required MigrationPrediction? Predicted { get; init; }

    /// <summary>The whole migration as `livebed predict` would have it, from where the guest's program was when it began; null without a
    /// bandwidth.</summary>
    public required MigrationForecastResult? Forecast { get; init; }

    public required IReadOnlyList<MigrationRound> Rounds { get; init; }
    public required IReadOnlyList<MigrationStatusTime> Statuses { get; init; }
}

/// <summary>What a downtime was spent on; times in milliseconds, which add up to it.</summary>
/// <param name="SyncMilliseconds">devices stop, and the final sync</param>
/// <param name="PagesMilliseconds">what was left went over</param>
/// <param name="StateMilliseconds">the state of vCPUs and memslots was read</param>
/// <param name="TakeOverMilliseconds">the destination made the VM, claimed it and ran it; or the source took it back</param>
public sealed record MigrationDowntime(
    double SyncMilliseconds, double PagesMilliseconds, double StateMilliseconds, double TakeOverMilliseconds)
{
    public static MigrationDowntime From(DowntimeParts parts) =>
        new(parts.Sync / 1e3, parts.Pages / 1e3, parts.State / 1e3, parts.TakeOver / 1e3);
}

/// <summary>A status that a migration came to, and when, in milliseconds since its beginning.</summary>
public sealed record MigrationStatusTime(MigrationStatus Status, double AtMilliseconds);

/// <summary>What the model says of a whole migration; times in milliseconds.</summary>
/// <param name="Rounds">from the workload alone, before the first page; null when it says that rounds never end</param>
/// <param name="TotalTime">set-up as measured, and the sum of the predictions that were made from round to round</param>
/// <param name="Downtime">of the pages that were left at the last sync, and what switchovers of this kind of VM cost before, in the
/// median</param>
public sealed record MigrationPrediction(
    int? Rounds,
    [property: JsonPropertyName("total-time")] double TotalTime,
    [property: JsonPropertyName("downtime")] double Downtime);

/// <summary>A whole migration as it was forecast from the workload alone; times in milliseconds.</summary>
/// <param name="Verdict">as of `livebed predict`</param>
/// <param name="Rounds">of pre-copy</param>
/// <param name="Transferred">bytes on the wire</param>
/// <param name="TotalTime">until it completes or is given up</param>
/// <param name="Downtime">null without a switchover; with what switchovers of this kind of VM cost before</param>
/// <param name="ThrottledMilliseconds">guest time lost to throttling</param>
/// <param name="StartMilliseconds">where the guest's program was when it began</param>
public sealed record MigrationForecastResult(
    ForecastVerdict Verdict,
    int Rounds,
    long Transferred,
    [property: JsonPropertyName("total-time")] double TotalTime,
    [property: JsonPropertyName("downtime")] double? Downtime,
    double ThrottledMilliseconds,
    double StartMilliseconds)
{
    public static MigrationForecastResult From(MigrationForecast forecast, double startMilliseconds) => new(
        forecast.Verdict, forecast.Rounds.Count, forecast.Transferred, forecast.TotalTimeMilliseconds, forecast.DowntimeMilliseconds,
        forecast.ThrottledMilliseconds,
        startMilliseconds);
}

/// <summary>QEMU's <c>MigrationStats</c> (qapi/migration.json).</summary>
public sealed record MigrationRam
{
    public required long Transferred { get; init; }
    public required long Remaining { get; init; }
    public required long Total { get; init; }
    public required long Duplicate { get; init; }
    public required long Normal { get; init; }

    [JsonPropertyName("normal-bytes")]
    public required long NormalBytes { get; init; }

    [JsonPropertyName("dirty-pages-rate")]
    public required double DirtyPagesRate { get; init; }

    [JsonPropertyName("dirty-sync-count")]
    public required long DirtySyncCount { get; init; }

    /// <summary>Megabits a second.</summary>
    public required double Mbps { get; init; }

    [JsonPropertyName("pages-per-second")]
    public required double PagesPerSecond { get; init; }

    [JsonPropertyName("page-size")]
    public required long PageSize { get; init; }

    [JsonPropertyName("precopy-bytes")]
    public required long PrecopyBytes { get; init; }

    [JsonPropertyName("downtime-bytes")]
    public required long DowntimeBytes { get; init; }

    [JsonPropertyName("postcopy-bytes")]
    public required long PostcopyBytes { get; init; }

    [JsonPropertyName("postcopy-requests")]
    public required long PostcopyRequests { get; init; }

    public static MigrationRam From(MigrationInfo info) => new()
    {
        Transferred = info.Transferred,
        Remaining = info.Remaining,
        Total = info.Total,
        Duplicate = info.Duplicate,
        Normal = info.Normal,
        NormalBytes = info.Normal * info.PageSize,
        DirtyPagesRate = Math.Round(info.DirtyPagesRate, 1),
        DirtySyncCount = info.DirtySyncCount,
        Mbps = Math.Round(info.Throughput * 8 / 1e6, 3),
        PagesPerSecond = info.TotalMicroseconds == 0 ? 0 : Math.Round((info.Normal + info.Duplicate) * 1e6 / info.TotalMicroseconds, 1),
        PageSize = info.PageSize,
        PrecopyBytes = info.PrecopyBytes,
        DowntimeBytes = info.DowntimeBytes,
        PostcopyBytes = info.PostcopyBytes,
        PostcopyRequests = info.PostcopyRequests,
    };
}
