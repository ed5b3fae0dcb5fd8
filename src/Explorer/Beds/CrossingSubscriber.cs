using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>The way from a host to a VM that subscribed to its notifications; see <see cref="CrossingHostPort"/>.</summary>
internal sealed class CrossingSubscriber(VirtualWorld world, IMmuNotifierSubscriber vm, int hostPlace, int vmPlace) : IMmuNotifierSubscriber
{
    public string Name => vm.Name;
    public bool HasChangePte => vm.HasChangePte;

    public async ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range)
    {
        await CallAsync();
        var accepted = await vm.InvalidateRangeStartAsync(op, range);
        world.Enter(hostPlace);
        return accepted;
    }

    public async ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range)
    {
        await CallAsync();
        await vm.InvalidateRangeEndAsync(op, range);
        world.Enter(hostPlace);
    }

    public async ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn)
    {
        await CallAsync();
        await vm.ChangePteAsync(op, hva, pfn);
        world.Enter(hostPlace);
    }

    public async ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush)
    {
        await CallAsync();
        var young = await vm.ClearYoungAsync(op, range, flush);
        world.Enter(hostPlace);
        return young;
    }

    public async ValueTask<bool> TestYoungAsync(Operation op, HvaRange range)
    {
        await CallAsync();
        var young = await vm.TestYoungAsync(op, range);
        world.Enter(hostPlace);
        return young;
    }

    public async ValueTask ReleaseAsync(Operation op)
    {
        await CallAsync();
        await vm.ReleaseAsync(op);
        world.Enter(hostPlace);
    }

    private async ValueTask CallAsync()
    {
        await world.PointAsync(SchedulingPoint.Call);
        world.Enter(vmPlace);
    }
}
