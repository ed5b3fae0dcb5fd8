namespace Livebed.Driver.Campaigns;

/// <summary>Dirty-log sessions: enable, rounds of get (and clear or reset), verification against the pages' content, disable.</summary>
public sealed record DirtyLogSettings
{
    /// <summary>Rounds per second over all VMs.</summary>
    public double Rate { get; set; }

    public int RoundsPerSession { get; set; } = 8;

    /// <summary>Every so many rounds all pages are compared with the log; 0 never.</summary>
    public int VerifyEvery { get; set; } = 4;
}
