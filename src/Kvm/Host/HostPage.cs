using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host;

/// <summary>
/// What <see cref="IHostPort.FaultInAsync"/> found. When <paramref name="Status"/> is Ok the caller has a reference on the frame and must
/// give it back with PutPage. <paramref name="Writable"/> is the PTE's permission, which can be wider than what was asked for.
/// </summary>
public readonly record struct HostPage(HostPageStatus Status, Pfn Pfn, bool Writable);
