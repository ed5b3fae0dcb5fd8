using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>The way from a VM's user space to one of its vCPUs; see <see cref="CrossingHostPort"/>. A flush is no call of user space, and
/// has a scheduling point of its own.</summary>
internal sealed class CrossingVcpuPort(VirtualWorld world, Vcpu vcpu) : IVcpuPort
{
    public ValueTask FlushTlbAsync(Operation op, GfnRange range) => vcpu.FlushTlbAsync(op, range);

    public async ValueTask PauseAsync(Operation op)
    {
        await CallAsync();
        await vcpu.PauseAsync(op);
    }

    public async ValueTask ResumeAsync(Operation op, long epoch = 0)
    {
        await CallAsync();
        await vcpu.ResumeAsync(op, epoch);
    }

    public async ValueTask<VcpuState> SaveAsync(Operation op)
    {
        await CallAsync();
        return await vcpu.SaveAsync(op);
    }

    public async ValueTask ThrottleAsync(Operation op, VcpuThrottle throttle)
    {
        await CallAsync();
        await vcpu.ThrottleAsync(op, throttle);
    }

    public async ValueTask<ThrottleState> ThrottleOfAsync(Operation op)
    {
        await CallAsync();
        return await vcpu.ThrottleOfAsync(op);
    }

    private ValueTask CallAsync() => world.PointAsync(SchedulingPoint.Call);
}
