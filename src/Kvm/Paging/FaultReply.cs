namespace Livebed.Kvm.Paging;

/// <summary>
/// Answer to a TLB miss. When Mapped, the walk's result, and the present neighbours that lie in the same cache line of the page table
/// (a hardware walk reads eight entries at once), so that a sequential guest does not pay a call for each page.
/// </summary>
public readonly record struct FaultReply(FaultStatus Status, Translation Translation = default, IReadOnlyList<Translation>? Neighbours = null);
