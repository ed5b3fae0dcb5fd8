using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host;

/// <summary>What an SPTE claims about the host: this hva is mapped to this frame, and writable if it says so.</summary>
public readonly record struct SpteClaim(Hva Hva, Pfn Pfn, bool Writable);
