using Livebed.Kvm.Guests;
using Livebed.Kvm.Vms;

namespace Livebed.Grains.Contracts;

/// <summary>
/// Everything that a VM grain needs to bring its VM up: the process's address space on the host, RAM split into memslots, an unplugged
/// hot-plug region beside it, and the guests. RAM is guest pages [0, RamPages); hot-plug pages lie in their own VMA.
/// </summary>
/// <param name="Options">the VM</param>
/// <param name="HostKey">key of the host's grain</param>
/// <param name="AddressSpaceId">unique on that host</param>
/// <param name="Vcpus">1 to 254</param>
/// <param name="RamPages">pages of guest RAM</param>
/// <param name="Memslots">RAM is split evenly into so many</param>
/// <param name="HotplugPages">pages beside the RAM, 0 for none</param>
/// <param name="PageSize">bytes of a page</param>
/// <param name="ScratchPages">the process's own memory, outside of every memslot</param>
/// <param name="Mergeable">MADV_MERGEABLE on RAM and hot-plug pages</param>
/// <param name="TlbEntries">per vCPU, a power of two</param>
/// <param name="FaultRetriesMax">see VcpuOptions</param>
/// <param name="Seed">of contents and guest programs</param>
/// <param name="Guest">what every vCPU runs</param>
/// <param name="RefusesNonBlockable">a second subscriber (a device driver) answers -EAGAIN to non-blockable ranges, so that reaping
/// fails</param>
public sealed record VmMessage(
    VmOptions Options,
    string HostKey,
    int AddressSpaceId,
    int Vcpus,
    long RamPages,
    int Memslots,
    int HotplugPages,
    int PageSize,
    int ScratchPages,
    bool Mergeable,
    int TlbEntries,
    int FaultRetriesMax,
    ulong Seed,
    GuestSpec Guest,
    bool RefusesNonBlockable);
