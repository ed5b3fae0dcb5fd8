using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>A vCPU's way to its VM, by grain calls.</summary>
internal sealed class VmGrainPort(IVmGrain vm) : IVmPort
{
    public async ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write) =>
        (await vm.FaultAsync(OperationMessage.From(op), vcpu, gfn.Value, write)).ToReply();

    public ValueTask ReapDirtyRingsAsync(Operation op) => vm.ReapDirtyRingsAsync(OperationMessage.From(op));
}
