using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>A VM's way to one of its vCPUs, by grain calls.</summary>
internal sealed class VcpuGrainPort(IVcpuGrain vcpu) : IVcpuPort
{
    public IVcpuGrain Grain => vcpu;

    public ValueTask FlushTlbAsync(Operation op, GfnRange range) =>
        vcpu.FlushTlbAsync(OperationMessage.From(op), range);
    public ValueTask PauseAsync(Operation op) => vcpu.PauseAsync(OperationMessage.From(op));
    public ValueTask ResumeAsync(Operation op, long epoch = 0) => vcpu.ResumeAsync(OperationMessage.From(op), epoch);

    /// <exception cref="InvalidOperationException">It is not paused, or it died with its silo.</exception>
    public async ValueTask<VcpuState> SaveAsync(Operation op) =>
        await vcpu.SaveAsync(OperationMessage.From(op))
            ?? throw new InvalidOperationException($"{vcpu.GetPrimaryKeyString()} is saved and not there");

    public ValueTask<ThrottleState> ThrottleOfAsync(Operation op) => vcpu.ThrottleOfAsync(OperationMessage.From(op));

    public ValueTask ThrottleAsync(Operation op, VcpuThrottle throttle) => vcpu.ThrottleAsync(OperationMessage.From(op), throttle);
}

/// <summary>A vCPU's way to its VM, by grain calls.</summary>
/// <param name="vm">the VM</param>
/// <param name="journal">the vCPU's</param>
internal sealed class VmGrainPort(IVmGrain vm, ActorJournal journal) : IVmPort
{
    public async ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write) =>
        (await journal.DuringAsync(vm.FaultAsync(OperationMessage.From(op), vcpu, gfn, write))).ToReply();

    public ValueTask ReapDirtyRingsAsync(Operation op) => journal.DuringAsync(vm.ReapDirtyRingsAsync(OperationMessage.From(op)));
}
