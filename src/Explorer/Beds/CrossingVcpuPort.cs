using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>The way from a VM to one of its vCPUs. Without a scheduling point of its own: a flush asks all vCPUs by one interrupt, and the point is before it.</summary>
internal sealed class CrossingVcpuPort(VirtualWorld world, IVcpuPort vcpu, int vmPlace, int vcpuPlace) : IVcpuPort
{
    public ValueTask FlushTlbAsync(Operation op, GfnRange range) => CrossAsync(() => vcpu.FlushTlbAsync(op, range));
    public ValueTask PauseAsync(Operation op) => CrossAsync(() => vcpu.PauseAsync(op));
    public ValueTask ResumeAsync(Operation op) => CrossAsync(() => vcpu.ResumeAsync(op));

    private async ValueTask CrossAsync(Func<ValueTask> call)
    {
        world.Enter(vcpuPlace);
        await call();
        world.Enter(vmPlace);
    }
}
