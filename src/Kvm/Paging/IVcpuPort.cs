using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>What a VM asks of one of its vCPUs.</summary>
public interface IVcpuPort
{
    /// <summary>KVM_REQ_TLB_FLUSH with kick: returns when the vCPU can no longer use an old translation of the range, that is, when
    /// it is out of guest mode or was never in it.</summary>
    ValueTask FlushTlbAsync(Operation op, GfnRange range);

    /// <summary>Returns when the vCPU has left KVM_RUN and will not enter it before <see cref="ResumeAsync"/>.</summary>
    ValueTask PauseAsync(Operation op);

    /// <param name="op">the operation</param>
    /// <param name="epoch">under which the VM runs from here on; 0 for the one that it had</param>
    ValueTask ResumeAsync(Operation op, long epoch = 0);

    /// <summary>What a migration sends of the vCPU.</summary>
    /// <exception cref="InvalidOperationException">It is not paused.</exception>
    ValueTask<VcpuState> SaveAsync(Operation op);

    /// <summary>Slows the vCPU down from now on, or no longer.</summary>
    ValueTask ThrottleAsync(Operation op, VcpuThrottle throttle);

    /// <summary>How it is slowed down now, and how long it has slept for that.</summary>
    ValueTask<ThrottleState> ThrottleOfAsync(Operation op);
}

/// <summary>
/// A stopped vCPU as device state: the accesses that its guest was about to make, how long the guest has run, and its program. Time that
/// passes between save and load does not pass for the guest, as kvmclock is stopped with a VM.
/// </summary>
/// <param name="Index">which vCPU</param>
/// <param name="Pending">accesses fetched and not yet made, in program order</param>
/// <param name="GuestMicroseconds">age of the program</param>
/// <param name="Program">the program where it stands</param>
/// <param name="Operations">operations that it has begun: the ids of its faults go on after them, so that two hosts' histories of one vCPU
/// have none in common</param>
public sealed record VcpuState(
    int Index, IReadOnlyList<GuestOperation> Pending, long GuestMicroseconds, GuestState Program, long Operations)
{
    /// <summary>Under which the VM runs where it is loaded; 0 for a VM that never migrated.</summary>
    public long Epoch { get; init; }
}
