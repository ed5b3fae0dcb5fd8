using System.Runtime.InteropServices;
using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Paging;

/// <summary>
/// One guest memory access after translation by the vCPU's TLB: it goes to the frame, whatever the page tables say by now, as in
/// hardware. <see cref="Hva"/> is no part of hardware; it names the page that the guest believes to be there, for the oracle.
/// 32 bytes and no references, so that a batch crosses the network as plain memory.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct GuestAccess(Gfn Gfn, Hva Hva, Pfn Pfn, GuestAccessKind Kind, ulong Value);
