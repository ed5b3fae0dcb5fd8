using System.Text.Json.Serialization;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Results;

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
