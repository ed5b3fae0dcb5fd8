using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Notifiers;

/// <summary>
/// <c>struct mmu_notifier_range</c>. <paramref name="RangeId"/> is unique within a host: start and end of one range carry the same, which
/// the kernel does not need and the checks do.
/// </summary>
public readonly record struct MmuNotifierRange(long RangeId, HvaRange Pages, MmuNotifierEvent Event, bool Blockable);
