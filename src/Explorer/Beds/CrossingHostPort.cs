using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>The way from a VM to its host: each call is a scheduling point, as a grain call is in the cluster, and tells which object runs.</summary>
internal sealed class CrossingHostPort(VirtualWorld world, IHostPort host, int vmPlace, int hostPlace) : IHostPort
{
    private readonly Dictionary<IMmuNotifierSubscriber, CrossingSubscriber> _subscribers = [];

    public async ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write)
    {
        await CallAsync();
        var page = await host.FaultInAsync(op, hva, write);
        world.Enter(vmPlace);
        return page;
    }

    public async ValueTask PutPageAsync(Operation op, Pfn pfn)
    {
        await CallAsync();
        await host.PutPageAsync(op, pfn);
        world.Enter(vmPlace);
    }

    public async ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value)
    {
        await CallAsync();
        var written = await host.WriteUserAsync(op, hva, gfn, value);
        world.Enter(vmPlace);
        return written;
    }

    public async ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        var crossing = new CrossingSubscriber(world, subscriber, hostPlace, vmPlace);
        _subscribers[subscriber] = crossing;
        await CallAsync();
        var registered = await host.RegisterNotifierAsync(op, crossing);
        world.Enter(vmPlace);
        return registered;
    }

    public async ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        await CallAsync();
        await host.UnregisterNotifierAsync(op, _subscribers.GetValueOrDefault(subscriber) ?? subscriber);
        world.Enter(vmPlace);
    }

    public async ValueTask CopyPagesAsync(Operation op, HvaRange range, ReadOnlyMemory<ulong> pages)
    {
        await CallAsync();
        await host.CopyPagesAsync(op, range, pages);
        world.Enter(vmPlace);
    }

    public async ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, HvaRange range, ReadOnlyMemory<ulong> dirty)
    {
        await CallAsync();
        var changed = await host.ChangedSinceCopyAsync(op, range, dirty);
        world.Enter(vmPlace);
        return changed;
    }

    public async ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes)
    {
        await CallAsync();
        var wrong = await host.AuditAsync(op, sptes);
        world.Enter(vmPlace);
        return wrong;
    }

    private async ValueTask CallAsync()
    {
        await world.PointAsync(SchedulingPoint.Call);
        world.Enter(hostPlace);
    }
}
