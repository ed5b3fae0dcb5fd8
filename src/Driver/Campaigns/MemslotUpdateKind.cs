namespace Livebed.Driver.Campaigns;

/// <summary>The memslot changes that a campaign can ask for; a create and its delete belong together, or slots would run out.</summary>
public enum MemslotUpdateKind
{
    CreateDelete,
    Move,
    Flags,
}
