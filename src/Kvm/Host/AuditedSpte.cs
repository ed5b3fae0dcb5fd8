using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host;

/// <summary>A secondary page-table entry as its VM hands it in for an audit: the page its memslot gives for it, and what it maps.</summary>
public readonly record struct AuditedSpte(Hva Hva, Pfn Pfn, bool Writable);
