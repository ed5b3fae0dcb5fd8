using System.Runtime.InteropServices;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;

namespace Livebed.Kvm.Host;

/// <summary>The memory bus between a vCPU and its host's frames: one call per batch, never per access.</summary>
public interface IGuestMemory
{
    /// <summary>
    /// Performs the accesses in order and judges each (S1, S12 and the guest-memory oracle). A write stamps <c>Value</c> into the frame
    /// as the page's newest value; a read must find the newest value. The vCPU is in guest mode until the call returns.
    /// </summary>
    /// <param name="accesses">the batch</param>
    /// <param name="epoch">of the VM, under which the vCPU runs; 0 before the VM has ever migrated</param>
    /// <returns>false when none was performed: the host may not let guests run now</returns>
    ValueTask<bool> ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses, long epoch = 0);
}

/// <summary>
/// One guest memory access after translation by the vCPU's TLB: it goes to the frame, whatever the page tables say by now, as in
/// hardware. <see cref="Hva"/> is no part of hardware; it names the page that the guest believes to be there, for the oracle.
/// 32 bytes and no references, so that a batch crosses the network as plain memory.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct GuestAccess(Gfn Gfn, Hva Hva, Pfn Pfn, GuestAccessKind Kind, ulong Value);
