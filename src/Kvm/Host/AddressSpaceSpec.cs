namespace Livebed.Kvm.Host;

/// <summary>A process to be created: its number, unique among the host's living address spaces, and its areas, which must not overlap.</summary>
public sealed record AddressSpaceSpec(int Id, IReadOnlyList<VmaSpec> Vmas);
