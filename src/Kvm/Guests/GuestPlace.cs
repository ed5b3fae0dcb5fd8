using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Guests;

/// <summary>Where a program runs: the <paramref name="Vcpu"/>th of <paramref name="Vcpus"/> of one VM, whose memory starts at
/// <paramref name="RamBase"/>. <paramref name="Seed"/> is the campaign's, the same for all VMs.</summary>
public readonly record struct GuestPlace(ulong Seed, int VmOrdinal, int Vcpu, int Vcpus, Gfn RamBase, int PageSize);
