using System.Text.Json.Serialization;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Results;

/// <summary>One migration under the field names of QEMU's <c>query-migrate</c> where it has such; times in milliseconds, sizes in bytes.</summary>
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

    /// <summary>From what was known before each step; null without a bandwidth to reckon with.</summary>
    public required MigrationPrediction? Predicted { get; init; }

    /// <summary>The whole migration as `livebed predict` would have it, from where the guest's program was when it began; null without a bandwidth to reckon with.</summary>
    public required MigrationForecastResult? Forecast { get; init; }

    public required IReadOnlyList<MigrationRound> Rounds { get; init; }
    public required IReadOnlyList<MigrationStatusTime> Statuses { get; init; }
}
