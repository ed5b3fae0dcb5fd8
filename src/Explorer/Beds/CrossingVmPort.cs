using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>The way from a vCPU to its VM; see <see cref="CrossingHostPort"/>.</summary>
internal sealed class CrossingVmPort(VirtualWorld world, IVmPort vm, bool hasLateReplies) : IVmPort
{
    public ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write)
    {
        var call = world.PointAsync(SchedulingPoint.Call);
        return call.IsCompletedSuccessfully && world.Trace is null && !hasLateReplies
            ? vm.FaultAsync(op, vcpu, gfn, write)
            : ArriveAsync(call, op, vcpu, gfn, write);
    }

    public async ValueTask ReapDirtyRingsAsync(Operation op)
    {
        await world.PointAsync(SchedulingPoint.Call);
        await vm.ReapDirtyRingsAsync(op);
    }

    private async ValueTask<FaultReply> ArriveAsync(ValueTask call, Operation op, int vcpu, Gfn gfn, bool write)
    {
        await call;
        world.Trace?.Note(op, $"the guest's {(write ? "write" : "read")} of {gfn} misses the TLB: fault");
        var reply = await vm.FaultAsync(op, vcpu, gfn, write);
        world.Trace?.Note(op, $"fault on {gfn} ends: {reply.Status}");
        if (hasLateReplies) await world.PointAsync(SchedulingPoint.Call);
        return reply;
    }
}

/// <summary>The way from a vCPU to the memory of its host, which a witness shows. The scheduling point between TLB lookup and access is the
/// vCPU's. Where VMs migrate each batch is judged by its epoch (M2).</summary>
/// <param name="world">the world</param>
/// <param name="memory">of the host</param>
/// <param name="fence">of the host: what it holds back is no access</param>
/// <param name="vm">the VM as the inventory calls it; null where none migrates</param>
/// <param name="host">the host</param>
internal sealed class NotedGuestMemory(VirtualWorld world, IGuestMemory memory, GuestFence fence, string? vm, string host) : IGuestMemory
{
    public ValueTask<bool> ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses, long epoch = 0)
    {
        if (!fence.IsOpen) return ValueTask.FromResult(false);
        if (world.Trace is { } trace) Note(trace, accesses.Span);
        if (vm is not null) world.GuestAccessed(vm, host, epoch);
        return memory.ExecuteAsync(accesses, epoch);
    }

    private static void Note(IScheduleTrace trace, ReadOnlySpan<GuestAccess> accesses)
    {
        foreach (var access in accesses)
            trace.Note(
                null, $"the guest {(access.Kind == GuestAccessKind.Write ? "writes" : "reads")} {access.Gfn} in {access.Pfn}, by its TLB");
    }
}
