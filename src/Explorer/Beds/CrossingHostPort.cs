using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>The port from a VM to its host: each call is a scheduling point, as a grain call is in the cluster. Frequent calls cost no
/// state machine of their own when no other lane runs in between.</summary>
internal sealed class CrossingHostPort(VirtualWorld world, IHostPort host) : IHostPort
{
    [Untracked("a crossing is added before its VM runs and stays")]
    private readonly List<CrossingSubscriber> _subscribers = [];

    public ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write)
    {
        var call = CallAsync();
        return call.IsCompletedSuccessfully ? host.FaultInAsync(op, hva, write) : ArriveAsync(call, host, op, hva, write);

        static async ValueTask<HostPage> ArriveAsync(ValueTask call, IHostPort host, Operation op, Hva hva, bool write)
        {
            await call;
            return await host.FaultInAsync(op, hva, write);
        }
    }

    public ValueTask PutPageAsync(Operation op, Pfn pfn)
    {
        var call = CallAsync();
        return call.IsCompletedSuccessfully ? host.PutPageAsync(op, pfn) : ArriveAsync(call, host, op, pfn);

        static async ValueTask ArriveAsync(ValueTask call, IHostPort host, Operation op, Pfn pfn)
        {
            await call;
            await host.PutPageAsync(op, pfn);
        }
    }

    public async ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value)
    {
        await CallAsync();
        return await host.WriteUserAsync(op, hva, gfn, value);
    }

    public async ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        var crossing = new CrossingSubscriber(world, subscriber);
        _subscribers.Add(crossing);
        await CallAsync();
        return await host.RegisterNotifierAsync(op, crossing);
    }

    public async ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        await CallAsync();
        await host.UnregisterNotifierAsync(op, _subscribers.FindLast(crossing => crossing.Vm == subscriber) ?? subscriber);
    }

    public async ValueTask CopyPagesAsync(Operation op, PageSet pages)
    {
        await CallAsync();
        await host.CopyPagesAsync(op, pages);
    }

    public async ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty)
    {
        await CallAsync();
        return await host.ChangedSinceCopyAsync(op, dirty);
    }

    public async ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes)
    {
        await CallAsync();
        return await host.AuditAsync(op, sptes);
    }

    private ValueTask CallAsync() => world.PointAsync(SchedulingPoint.Call);
}
