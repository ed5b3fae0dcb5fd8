using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>The way from a vCPU to its VM; see <see cref="CrossingHostPort"/>.</summary>
internal sealed class CrossingVmPort(VirtualWorld world, IVmPort vm) : IVmPort
{
    public ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write)
    {
        var call = world.PointAsync(SchedulingPoint.Call);
        return call.IsCompletedSuccessfully && world.Trace is null
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
        return reply;
    }
}

/// <summary>The way from a vCPU to the memory of its host, which a witness shows. The scheduling point between TLB lookup and access is the
/// vCPU's.</summary>
internal sealed class NotedGuestMemory(VirtualWorld world, IGuestMemory memory) : IGuestMemory
{
    public ValueTask ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses)
    {
        if (world.Trace is { } trace) Note(trace, accesses.Span);
        return memory.ExecuteAsync(accesses);
    }

    private static void Note(IScheduleTrace trace, ReadOnlySpan<GuestAccess> accesses)
    {
        foreach (var access in accesses)
            trace.Note(
                null, $"the guest {(access.Kind == GuestAccessKind.Write ? "writes" : "reads")} {access.Gfn} in {access.Pfn}, by its TLB");
    }
}
