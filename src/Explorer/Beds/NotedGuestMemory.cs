using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Paging;

namespace Livebed.Explorer.Beds;

/// <summary>The way from a vCPU to the memory of its host, which a witness shows. The scheduling point between TLB lookup and access is the vCPU's.</summary>
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
            trace.Note(null, $"the guest {(access.Kind == GuestAccessKind.Write ? "writes" : "reads")} {access.Gfn} in {access.Pfn}, by its TLB");
    }
}
