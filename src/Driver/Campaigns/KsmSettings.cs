namespace Livebed.Driver.Campaigns;

/// <summary>Kernel same-page merging, on every host.</summary>
public sealed record KsmSettings
{
    /// <summary>Scans per second of each host.</summary>
    public double Rate { get; set; }

    /// <summary><c>pages_to_scan</c>.</summary>
    public int PagesPerScan { get; set; } = 256;
}
