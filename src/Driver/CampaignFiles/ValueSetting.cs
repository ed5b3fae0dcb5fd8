namespace Livebed.Driver.CampaignFiles;

/// <summary>A scalar as it was written; <paramref name="quoted"/> makes it text, whatever it looks like.</summary>
internal sealed class ValueSetting(Origin origin, string text, bool quoted) : Setting(origin)
{
    public string Text { get; } = text;
    public bool Quoted { get; } = quoted;

    /// <summary>Nothing was written, or null.</summary>
    public bool IsEmpty => Text.Length == 0 && !Quoted;

    public override string What => IsEmpty ? "empty" : "a value";
}
