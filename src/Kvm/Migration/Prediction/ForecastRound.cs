using System.Text.Json.Serialization;

namespace Livebed.Kvm.Migration.Prediction;

/// <summary>One pre-copy round as it is expected, with the names of QEMU's <c>query-migrate</c> where it has such; times in milliseconds.</summary>
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
