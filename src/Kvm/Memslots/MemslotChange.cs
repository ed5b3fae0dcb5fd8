using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Memslots;

/// <summary>
/// An argument of KVM_SET_USER_MEMORY_REGION: pages 0 deletes slot <paramref name="Id"/>; an unknown id creates; a known id moves (gfn) or
/// re-flags it.
/// </summary>
public readonly record struct MemslotChange(int Id, Gfn BaseGfn, long Pages, Hva BaseHva, MemslotFlags Flags);
