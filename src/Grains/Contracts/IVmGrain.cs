using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;

namespace Livebed.Grains.Contracts;

/// <summary>
/// A VM. Commands of the driver carry an operation id and may be repeated: the first one's result is returned. The notifier calls come from
/// the host, the faults from the vCPUs. In a migration there are two such grains: the source's, which the driver commands, and the
/// destination's, which the source calls.
/// </summary>
[Alias("livebed.vm")]
public interface IVmGrain : IGrainWithStringKey
{
    /// <summary>Creates the process, the VM, its memslots and its vCPUs, and starts the guests if it is not told to start stopped. False
    /// when an earlier call has made this activation, which now deactivates: call again.</summary>
    ValueTask<bool> CreateAsync(OperationMessage op, VmMessage vm);

    /// <summary>See <see cref="VmProcess.ContAsync"/>.</summary>
    ValueTask<bool> ContAsync(OperationMessage op);

    ValueTask<MemslotResult> SetMemslotAsync(OperationMessage op, MemslotChange change);

    /// <summary>One step of the VM's dirty-log session; pages copied or compared, -1 when there was nothing to do.</summary>
    ValueTask<long> DirtyLogAsync(OperationMessage op, DirtyLogStep step);

    ValueTask<bool> SoftwareWriteAsync(OperationMessage op, Gfn gfn);

    /// <summary>A device deals with one request of the guest; see <see cref="Devices.WriteAsync"/>. Returns the pages written.</summary>
    ValueTask<int> DeviceWriteAsync(OperationMessage op, Gfn first, int pages);

    ValueTask<int> AuditAsync(OperationMessage op);

    /// <summary>Stops the guests and destroys the VM, by either path; returns the last reports of the VM and of its vCPUs, or none when it
    /// has gone already.</summary>
    ValueTask<IReadOnlyList<ActorReport>> DestroyAsync(OperationMessage op, TeardownOrder order);

    /// <summary>Reports of the VM and its vCPUs. <paramref name="settled"/> says that no operation runs any more: what is open then is out
    /// of balance. Of <paramref name="measuredFrom"/> see <see cref="IVcpuGrain.InspectAsync"/>.</summary>
    ValueTask<IReadOnlyList<ActorReport>> InspectAsync(bool settled, long measuredFrom = 0);

    /// <summary>
    /// Moves the VM to another host; returns when that is done or given up, however long it takes. Once it has moved this grain takes down
    /// what is left of it here, as <see cref="DestroyAsync"/> does, and is gone. A dirty-log session that is open is closed first; memslot
    /// updates and other commands go on meanwhile, dirty-log steps are refused.
    /// </summary>
    [ResponseTimeout("06:00:00")]
    ValueTask<MigrationOutcome> MigrateAsync(OperationMessage op, MigrationRequest request);

    /// <summary><c>query-migrate</c>: the migration that goes on, or the last one; of the one that brought the VM here status, reason and
    /// epoch only; null when there was none, or the VM is gone.</summary>
    ValueTask<MigrationInfo?> MigrationInfoAsync();

    /// <summary><c>migrate_cancel</c>: returns at once; what came of it is in the migration's outcome.</summary>
    ValueTask<CancelCase> CancelMigrationAsync(OperationMessage op);

    /// <summary><c>migrate-start-postcopy</c>: false when no migration goes on.</summary>
    ValueTask<bool> StartPostcopyAsync(OperationMessage op);

    /// <summary><c>migrate-recover</c>: false when no migration is paused.</summary>
    ValueTask<bool> RecoverMigrationAsync(OperationMessage op);

    /// <summary>Source: the destination's vCPU waits for a page.</summary>
    [AtLeastOnce]
    ValueTask<StreamStatus> RequestPageAsync(OperationMessage op, Hva hva);

    /// <summary>Source: whether this migration still goes on, so that pages that have not been sent are not lost.</summary>
    [AtLeastOnce]
    ValueTask<bool> MigratesAsync(long stream);

    /// <summary>Destination: makes the process and takes pages. Null when an earlier call has made this activation, which now deactivates:
    /// call again.</summary>
    [AtLeastOnce]
    ValueTask<StreamStatus?> PrepareIncomingAsync(OperationMessage op, MigrationSetup setup, VmMessage target, string sourceKey);

    /// <summary>See <see cref="IMigrationDestination.CompareAsync"/>; every page of the VM is looked at, which takes its time.</summary>
    [ResponseTimeout("00:10:00")]
    [AtLeastOnce]
    ValueTask<StreamStatus> CompareIncomingAsync(OperationMessage op, MemoryImageMessage image);

    /// <summary>See <see cref="IMigrationDestination.TakeOverAsync"/>.</summary>
    [AtLeastOnce]
    ValueTask<StreamStatus> TakeOverAsync(OperationMessage op, DeviceStateMessage state);

    /// <summary>See <see cref="IMigrationDestination.FinishAsync"/>.</summary>
    [AtLeastOnce]
    ValueTask<FinishResult> FinishIncomingAsync(OperationMessage op);

    /// <summary>See <see cref="IMigrationDestination.RecoverAsync"/>.</summary>
    [AtLeastOnce]
    ValueTask<PageSet[]?> RecoverIncomingAsync(OperationMessage op);

    /// <summary>See <see cref="IMigrationDestination.ResumeAsync"/>.</summary>
    [AtLeastOnce]
    ValueTask<StreamStatus> ResumeIncomingAsync(OperationMessage op);

    /// <summary>See <see cref="IMigrationDestination.AbandonAsync"/>.</summary>
    [AtLeastOnce]
    ValueTask<StreamStatus> AbandonIncomingAsync(OperationMessage op);

    /// <summary>Destination, from its host: user space's fault thread.</summary>
    ValueTask PageMissingAsync(OperationMessage op, Hva hva);

    ValueTask<FaultMessage> FaultAsync(OperationMessage op, int vcpu, Gfn gfn, bool write);

    /// <summary>From a vCPU: what was in the way of a fault that has ended and becomes a span, here and at the host. Asked once for a
    /// fault: the answer is forgotten.</summary>
    ValueTask<FaultExplanation> ExplainFaultAsync(long fault);

    ValueTask ReapDirtyRingsAsync(OperationMessage op);

    ValueTask<HeldMessage> InvalidateRangeStartAsync(OperationMessage op, RangeMessage range);

    ValueTask<HeldMessage> InvalidateRangeEndAsync(OperationMessage op, RangeMessage range);

    ValueTask ChangePteAsync(OperationMessage op, Hva hva, Pfn pfn);

    ValueTask<bool> ClearYoungAsync(OperationMessage op, HvaRange range, bool flush);

    ValueTask<bool> TestYoungAsync(OperationMessage op, HvaRange range);

    ValueTask ReleaseAsync(OperationMessage op);
}
