namespace Livebed.Driver.Campaigns;

/// <summary>Memslot changes under load.</summary>
public sealed record MemslotUpdateSettings
{
    /// <summary>Updates per second over all VMs.</summary>
    public double Rate { get; set; }

    public SortedDictionary<string, double> Mix { get; set; } =
        new(Enum.GetValues<MemslotUpdateKind>().ToDictionary(OperationNames.OfEnum, _ => 1.0), StringComparer.Ordinal);
}

/// <summary>The memslot changes that a campaign can ask for; a create and its delete belong together, or slots would run out.</summary>
public enum MemslotUpdateKind
{
    CreateDelete,
    Move,
    Flags,
}
