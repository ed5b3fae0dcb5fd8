namespace Livebed.Driver.Results;

/// <summary>The counters of /sys/kernel/mm/ksm at the end, summed over hosts, and merges that the reference-count test gave up.</summary>
public sealed record KsmResult
{
    public long PagesShared { get; init; }
    public long PagesSharing { get; init; }
    public long PagesUnshared { get; init; }
    public long PagesVolatile { get; init; }
    public long FullScans { get; init; }
    public long MergesAbandoned { get; init; }
}
