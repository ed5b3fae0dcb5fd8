using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>The port from a VM to its host: each call is a scheduling point, as a grain call is in the cluster. Frequent calls cost no
/// state machine of their own when no other lane runs in between.</summary>
internal sealed class CrossingHostPort : IHostPort, IPageCalls
{
    private readonly VirtualWorld _world;
    private readonly IHostPort _host;
    private readonly KeptPages _pages;

    [Untracked("a crossing is added before its VM runs and stays")]
    private readonly List<CrossingSubscriber> _subscribers = [];

    /// <param name="world">the world</param>
    /// <param name="host">the host's end</param>
    /// <param name="mutant">a defect that is switched on, if any</param>
    public CrossingHostPort(VirtualWorld world, IHostPort host, Mutant? mutant)
    {
        (_world, _host) = (world, host);
        _pages = new KeptPages(world, this, mutant);
    }

    public ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write) => _pages.FaultInAsync(op, hva, write);

    public ValueTask NoPageAsync(Operation op) => _pages.NoPageAsync(op);

    public ValueTask PutPageAsync(Operation op, Pfn pfn) => _pages.PutPageAsync(op, pfn);

    ValueTask<HostPage> IPageCalls.FaultInAsync(Operation op, Hva hva, bool write, Pfn[]? put)
    {
        var call = CallAsync();
        return call.IsCompletedSuccessfully
            ? _host.FaultInAsync(op, hva, write, put)
            : ArriveAsync(call, _host, op, hva, write, put);

        static async ValueTask<HostPage> ArriveAsync(ValueTask call, IHostPort host, Operation op, Hva hva, bool write, Pfn[]? put)
        {
            await call;
            return await host.FaultInAsync(op, hva, write, put);
        }
    }

    ValueTask IPageCalls.PutPagesAsync(Operation op, Pfn[] pages)
    {
        var call = CallAsync();
        return call.IsCompletedSuccessfully ? _host.PutPagesAsync(op, pages) : ArriveAsync(call, _host, op, pages);

        static async ValueTask ArriveAsync(ValueTask call, IHostPort host, Operation op, Pfn[] pages)
        {
            await call;
            await host.PutPagesAsync(op, pages);
        }
    }

    public async ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value)
    {
        await CallAsync();
        return await _host.WriteUserAsync(op, hva, gfn, value);
    }

    public async ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        var crossing = new CrossingSubscriber(_world, subscriber);
        _subscribers.Add(crossing);
        await CallAsync();
        return await _host.RegisterNotifierAsync(op, crossing);
    }

    public async ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        await CallAsync();
        await _host.UnregisterNotifierAsync(op, _subscribers.FindLast(crossing => crossing.Vm == subscriber) ?? subscriber);
    }

    public async ValueTask CopyPagesAsync(Operation op, PageSet pages)
    {
        await CallAsync();
        await _host.CopyPagesAsync(op, pages);
    }

    public async ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty)
    {
        await CallAsync();
        return await _host.ChangedSinceCopyAsync(op, dirty);
    }

    public async ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes)
    {
        await CallAsync();
        return await _host.AuditAsync(op, sptes);
    }

    private ValueTask CallAsync() => _world.PointAsync(SchedulingPoint.Call);
}
