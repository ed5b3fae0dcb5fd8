namespace Livebed.Driver.Campaigns;

/// <summary>What guests write: shares of pages with zeroes and with content repeated across VMs; the rest are unique tokens.</summary>
public sealed record ContentSettings
{
    public int ZeroPercent { get; set; } = 10;
    public int RepeatedPercent { get; set; } = 20;
}
