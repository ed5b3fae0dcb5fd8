using System.Text.Json.Serialization;

namespace Livebed.Kvm.Migration.Prediction;

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
