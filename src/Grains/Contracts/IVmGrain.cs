using Livebed.Kvm.Memslots;

namespace Livebed.Grains.Contracts;

/// <summary>
/// A VM. Commands of the driver carry an operation id and may be repeated: the first one's result is returned. The notifier calls come
/// from the host, the faults from the vCPUs.
/// </summary>
[Alias("livebed.vm")]
public interface IVmGrain : IGrainWithStringKey
{
    /// <summary>Creates the process, the VM, its memslots and its vCPUs, and starts the guests. False when this activation is on its way out
    /// because somebody asked for the VM before it was made: call again.</summary>
    ValueTask<bool> CreateAsync(OperationMessage op, VmMessage vm);

    ValueTask<MemslotResult> SetMemslotAsync(OperationMessage op, MemslotChange change);

    /// <summary>One step of the VM's dirty-log session; pages copied or compared, -1 when there was nothing to do.</summary>
    ValueTask<long> DirtyLogAsync(OperationMessage op, DirtyLogStep step);

    ValueTask<bool> SoftwareWriteAsync(OperationMessage op, long gfn);

    ValueTask<int> AuditAsync(OperationMessage op);

    /// <summary>Stops the guests and destroys the VM, by either path; returns the last reports of the VM and of its vCPUs.</summary>
    ValueTask<IReadOnlyList<ActorReport>> DestroyAsync(OperationMessage op, DestroyMessage how);

    /// <summary>Reports of the VM and its vCPUs. <paramref name="settled"/> says that no operation runs any more: what is open then is out of balance.</summary>
    ValueTask<IReadOnlyList<ActorReport>> InspectAsync(bool settled);

    ValueTask<FaultMessage> FaultAsync(OperationMessage op, int vcpu, long gfn, bool write);

    ValueTask ReapDirtyRingsAsync(OperationMessage op);

    ValueTask<HeldMessage> InvalidateRangeStartAsync(OperationMessage op, RangeMessage range);

    ValueTask<HeldMessage> InvalidateRangeEndAsync(OperationMessage op, RangeMessage range);

    ValueTask ChangePteAsync(OperationMessage op, long hva, int pfn);

    ValueTask<bool> ClearYoungAsync(OperationMessage op, long hva, long pages, bool flush);

    ValueTask<bool> TestYoungAsync(OperationMessage op, long hva, long pages);

    ValueTask ReleaseAsync(OperationMessage op);
}
