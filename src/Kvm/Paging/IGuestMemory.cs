namespace Livebed.Kvm.Paging;

/// <summary>The memory bus between a vCPU and its host's frames: one call per batch, never per access.</summary>
public interface IGuestMemory
{
    /// <summary>
    /// Performs the accesses in order and judges each (S1, S12 and the guest-memory oracle). A write stamps <c>Value</c> into the frame
    /// as the page's newest value; a read must find the newest value. The vCPU is in guest mode until the call returns.
    /// </summary>
    ValueTask ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses);
}
