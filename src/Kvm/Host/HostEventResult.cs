namespace Livebed.Kvm.Host;

/// <summary>What an event came to; <paramref name="Pages"/> is how many pages it changed (young pages found,
/// for ageing; pages looked at, for a KSM scan).</summary>
public readonly record struct HostEventResult(HostEventStatus Status, int Pages)
{
    public static readonly HostEventResult NoAddressSpace = new(HostEventStatus.NoAddressSpace, 0);
    public static readonly HostEventResult Busy = new(HostEventStatus.Busy, 0);
    public static readonly HostEventResult Refused = new(HostEventStatus.Refused, 0);

    /// <summary>Done, or nothing to do when no page was concerned.</summary>
    public static HostEventResult Of(int pages) => new(pages > 0 ? HostEventStatus.Done : HostEventStatus.NothingToDo, pages);
}
