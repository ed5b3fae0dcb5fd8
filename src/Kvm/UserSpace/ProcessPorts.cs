using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>What a process of a VM is made of.</summary>
/// <param name="Options">its VM</param>
/// <param name="RamPages">pages of guest RAM</param>
/// <param name="RamSlots">memslots that RAM is split into evenly</param>
public sealed record ProcessSpec(VmOptions Options, long RamPages, int RamSlots)
{
    /// <summary>Whether KVM's own memslots are made, which a destroyer that shares the address space deletes.</summary>
    public bool HasPrivateSlots { get; init; } = true;

    /// <summary>Makes a protocol that is no preset; null for the one that the options name.</summary>
    public Func<ProtocolContext, IInvalidationProtocol>? CustomProtocol { get; init; }

    /// <summary>How often a VM that comes from another host asks whether its source still migrates, in microseconds; 0 for never, in a
    /// world where no source can vanish.</summary>
    public long WatchMicroseconds { get; init; } = 500_000;
}

/// <summary>Everything that differs from world to world around one process.</summary>
/// <param name="Process">its host, for the process as a whole</param>
/// <param name="Host">its host, for the VM</param>
/// <param name="Stream">its host, for pages that go or come</param>
/// <param name="Vcpus">its threads</param>
/// <param name="Inventory">which host owns which VM</param>
/// <param name="Ownership">what its host owns</param>
public sealed record ProcessPorts(
    IProcessPort Process, IHostPort Host, IStreamPort Stream, IVcpuThreads Vcpus, IVmInventory Inventory, IHostOwnership Ownership)
{
    /// <summary>From where the VM comes; null for one that begins here.</summary>
    public ISourcePort? Source { get; init; }
}

/// <summary>What a process asks of its host, and of the world, about itself as a whole.</summary>
public interface IProcessPort
{
    /// <summary>An operation that the process makes by itself.</summary>
    Operation NewOperation(OperationKind kind);

    /// <summary>The process with its areas of memory.</summary>
    /// <returns>refused when its host is not there; no memory when that has not so much left to promise</returns>
    ValueTask<StreamStatus> TryCreateAsync(Operation op);

    /// <summary><c>exit_mm</c>: the address space goes.</summary>
    ValueTask ExitAsync(Operation op);

    /// <summary>Does <paramref name="work"/>, of which no command knows, as an operation of its own in the world's books.</summary>
    /// <returns>what the work returns: how the migration that brought the VM here stands after it</returns>
    ValueTask<MigrationInfo> RunUnaskedAsync(Operation op, Func<ValueTask<MigrationInfo>> work);

    /// <summary>The process has closed by itself, so no command takes its last words. Called once, when what closed it has ended.</summary>
    ValueTask ClosedUnaskedAsync();
}

/// <summary>The vCPU threads of one process.</summary>
public interface IVcpuThreads
{
    /// <summary><c>KVM_CREATE_VCPU</c>, then <c>KVM_RUN</c>: adds a port for each vCPU to the VM, then lets all of them run.</summary>
    /// <param name="op">the operation</param>
    /// <param name="vm">the VM</param>
    /// <param name="states">where the vCPUs were saved; null for guests that begin</param>
    ValueTask StartAsync(Operation op, Vm vm, IReadOnlyList<VcpuState>? states);

    /// <summary>Returns when every vCPU has left KVM_RUN for good and its thread has ended.</summary>
    ValueTask StopAsync(Operation op);

    /// <summary>The file descriptors of the vCPUs are closed. Nothing asks them any more.</summary>
    ValueTask CloseAsync(Operation op);
}

/// <summary>What user space at the destination asks of user space at the source.</summary>
public interface ISourcePort : IMigrationReturnPath
{
    /// <summary>Whether the migration still goes on there, so that pages that were not sent are not lost. True when there is no answer,
    /// which says nothing. False is final: the source has given up, or another machine answers for a dead one.</summary>
    ValueTask<bool> MigratesAsync(Operation op, long stream);
}
