namespace Livebed.Driver.Campaigns;

/// <summary>Bounds; hitting one is reported in results.json as <c>limitsHit</c>, or is a hang.</summary>
public sealed record LimitSettings
{
    /// <summary>An operation that waited so long is reported as starved.</summary>
    public TimeSpan Starvation { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Operations of one kind that may be under way at once; what is due beyond that is counted as not started.</summary>
    public int InFlight { get; set; } = 64;

    public long HistoryRecords { get; set; } = 2_000_000;

    /// <summary>Retries without progress after which a fault is a livelock.</summary>
    public int FaultRetries { get; set; } = 10_000;
}
