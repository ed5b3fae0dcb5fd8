using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Paging;

/// <summary>What a hardware walk finds and a TLB caches.</summary>
public readonly record struct Translation(Gfn Gfn, Hva Hva, Pfn Pfn, bool Writable);
