namespace Livebed.Driver.CampaignFiles;

/// <summary>A list; its items are addressed by their number from 0.</summary>
internal sealed class ListSetting(Origin origin, List<Setting> items) : Setting(origin)
{
    public List<Setting> Items { get; } = items;
    public override string What => "a list";
}
