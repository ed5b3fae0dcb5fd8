using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host;

/// <summary>An area of a process to be created; <paramref name="Mergeable"/> is MADV_MERGEABLE.</summary>
public sealed record VmaSpec(HvaRange Range, VmaKind Kind, bool Mergeable = false, bool Writable = true);
