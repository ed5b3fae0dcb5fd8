namespace Livebed.Kvm.Host;

/// <summary>What is in use at a host now; all zero when every address space has exited and no operation runs (S11).</summary>
/// <param name="Frames">frames allocated, without the zero frame</param>
/// <param name="SwapSlots">pages in swap</param>
/// <param name="OpenRanges">ranges between start and end</param>
/// <param name="Subscriptions">notifier subscriptions</param>
/// <param name="AddressSpaces">address spaces that have not exited</param>
/// <param name="FolioLocks">folio locks held or wanted</param>
/// <param name="Operations">operations that run, held ranges among them</param>
public readonly record struct HostUsage(
    int Frames, int SwapSlots, int OpenRanges, int Subscriptions, int AddressSpaces, int FolioLocks, int Operations)
{
    public bool IsNothing => this == default;
}
