namespace Livebed.Driver.CampaignFiles;

/// <summary>A node of a campaign file before anything is known of its meaning: a value, a section or a list, and where it stands.</summary>
internal abstract class Setting(Origin origin)
{
    public Origin Origin { get; } = origin;

    /// <summary>"a value", "a section" or "a list".</summary>
    public abstract string What { get; }
}
