using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Paging;

namespace Livebed.Explorer.Beds;

/// <summary>The way from a vCPU to the memory of its host. The scheduling point between TLB lookup and access is the vCPU's.</summary>
internal sealed class CrossingGuestMemory(VirtualWorld world, IGuestMemory memory, int vcpuPlace, int hostPlace) : IGuestMemory
{
    public async ValueTask ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses)
    {
        world.Enter(hostPlace);
        if (world.Trace is { } trace) Note(trace, accesses.Span);
        await memory.ExecuteAsync(accesses);
        world.Enter(vcpuPlace);
    }

    private static void Note(IScheduleTrace trace, ReadOnlySpan<GuestAccess> accesses)
    {
        foreach (var access in accesses)
            trace.Note(null, $"the guest {(access.Kind == GuestAccessKind.Write ? "writes" : "reads")} {access.Gfn} in {access.Pfn}, by its TLB");
    }
}
