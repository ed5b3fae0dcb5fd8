using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>What the source's user space asks of the destination's. Lost means that nobody knows whether it was done.</summary>
public interface IMigrationDestination
{
    /// <summary>Makes the process and its memory, and takes pages from now on.</summary>
    ValueTask<StreamStatus> PrepareAsync(Operation op, MigrationSetup setup);

    /// <summary>The bed's own check, after the last page of pre-copy: every page is as the frozen source has it (M1). Refused when nothing was prepared here.</summary>
    ValueTask<StreamStatus> CompareAsync(Operation op, MemoryImage image);

    /// <summary>The end of pre-copy, when memory has been compared: all pages are there, or what is not is named as discarded. Ok means that the VM is the destination's and runs; Refused that it never will. May be asked again.</summary>
    ValueTask<StreamStatus> TakeOverAsync(Operation op, DeviceState state);

    /// <summary>Post-copy: the last page has been sent. Refused when some are still missing.</summary>
    ValueTask<FinishResult> FinishAsync(Operation op);

    /// <summary>Post-copy recovery: what is still missing, one array a RAM block; null when there is no answer.</summary>
    ValueTask<IReadOnlyList<ulong[]>?> RecoverAsync(Operation op);

    /// <summary>Post-copy recovery: the source sends pages again. Returns when it has been asked again for those that a vCPU waits for.</summary>
    ValueTask<StreamStatus> ResumeAsync(Operation op);

    /// <summary>Forget it: nothing of it is kept. Refused when the VM runs here.</summary>
    ValueTask<StreamStatus> AbandonAsync(Operation op);
}
