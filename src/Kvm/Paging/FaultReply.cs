namespace Livebed.Kvm.Paging;

/// <summary>
/// Answer to a TLB miss. When Mapped, the walk's result, and the present neighbours that lie in the same cache line of the page table
/// (a hardware walk reads eight entries at once), so that a sequential guest does not pay a call for each page. Dirtied says that this
/// fault put the page into the dirty log, as <c>cpu->dirty_pages</c> of QEMU counts it; also when it has to be retried after that.
/// </summary>
public readonly record struct FaultReply(
    FaultStatus Status, Translation Translation = default, IReadOnlyList<Translation>? Neighbours = null, bool Dirtied = false);
