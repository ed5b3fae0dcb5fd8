using Livebed.Driver.CampaignKeys;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Campaigns;

/// <summary>Memslot changes under load.</summary>
public sealed record MemslotUpdateSettings
{
    /// <summary>Updates per second over all VMs.</summary>
    public double Rate { get; set; }

    public SortedDictionary<string, double> Mix { get; set; } =
        new(Enum.GetValues<MemslotUpdateKind>().ToDictionary(KebabCase.Of, _ => 1.0), StringComparer.Ordinal);

    internal static Section<MemslotUpdateSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<MemslotUpdateSettings, double>(
            "rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v, "memslot changes over all VMs"),
        new TableKey<MemslotUpdateSettings, double>("mix", [.. Enum.GetValues<MemslotUpdateKind>().Select(KebabCase.Of)],
            ValueKinds.Number("weight", 0, 1_000), s => s.Mix, _ => "weight of this kind of change"));
}

/// <summary>The memslot changes that a campaign can ask for; a create and its delete belong together, or slots would run out.</summary>
public enum MemslotUpdateKind
{
    CreateDelete,
    Move,
    Flags,
}
