using Livebed.Kvm.Addresses;
using Livebed.Kvm.Paging;

namespace Livebed.Grains.Contracts;

/// <summary>A vCPU: its TLB and guest program. The VM calls it for flushes and pauses; it calls its VM for faults and its host for
/// memory.</summary>
[Alias("livebed.vcpu")]
public interface IVcpuGrain : IGrainWithStringKey
{
    /// <summary>Makes the vCPU and starts its guest, from the beginning or from another vCPU's saved state. False when an earlier call has
    /// made this activation, which now deactivates: call again.</summary>
    ValueTask<bool> StartAsync(VmMessage vm, int index, VcpuState? state = null);

    /// <summary>See <see cref="IVcpuPort.FlushTlbAsync"/>.</summary>
    ValueTask FlushTlbAsync(OperationMessage op, GfnRange range);

    ValueTask PauseAsync(OperationMessage op);

    ValueTask ResumeAsync(OperationMessage op, long epoch);

    /// <summary>See <see cref="IVcpuPort.SaveAsync"/>; null when there is no vCPU here, because its silo died.</summary>
    ValueTask<VcpuState?> SaveAsync(OperationMessage op);

    /// <summary>See <see cref="IVcpuPort.ThrottleAsync"/>.</summary>
    ValueTask ThrottleAsync(OperationMessage op, VcpuThrottle throttle);

    ValueTask<ThrottleState> ThrottleOfAsync(OperationMessage op);

    /// <summary>Returns when the guest has stopped for good; flushes are still answered.</summary>
    ValueTask StopAsync(OperationMessage op);

    /// <summary>After the VM is destroyed: the last report; the activation goes away.</summary>
    ValueTask<ActorReport> CloseAsync();

    /// <param name="measuredFrom">figures count from this monotonic time on: those that count from earlier begin anew after this report
    /// </param>
    ValueTask<ActorReport> InspectAsync(long measuredFrom = 0);
}
