using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>The way from a host to a VM that subscribed to its notifications; see <see cref="CrossingHostPort"/>.</summary>
internal sealed class CrossingSubscriber(VirtualWorld world, IMmuNotifierSubscriber vm) : IMmuNotifierSubscriber
{
    /// <summary>The subscriber that is called.</summary>
    public IMmuNotifierSubscriber Vm => vm;

    public string Name => vm.Name;
    public bool HasChangePte => vm.HasChangePte;

    public ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range)
    {
        var call = CallAsync();
        return call.IsCompletedSuccessfully ? vm.InvalidateRangeStartAsync(op, range) : ArriveAsync(call, vm, op, range);

        static async ValueTask<bool> ArriveAsync(ValueTask call, IMmuNotifierSubscriber vm, Operation op, MmuNotifierRange range)
        {
            await call;
            return await vm.InvalidateRangeStartAsync(op, range);
        }
    }

    public ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range)
    {
        var call = CallAsync();
        return call.IsCompletedSuccessfully ? vm.InvalidateRangeEndAsync(op, range) : ArriveAsync(call, vm, op, range);

        static async ValueTask ArriveAsync(ValueTask call, IMmuNotifierSubscriber vm, Operation op, MmuNotifierRange range)
        {
            await call;
            await vm.InvalidateRangeEndAsync(op, range);
        }
    }

    public async ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn)
    {
        await CallAsync();
        await vm.ChangePteAsync(op, hva, pfn);
    }

    public async ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush)
    {
        await CallAsync();
        return await vm.ClearYoungAsync(op, range, flush);
    }

    public async ValueTask<bool> TestYoungAsync(Operation op, HvaRange range)
    {
        await CallAsync();
        return await vm.TestYoungAsync(op, range);
    }

    public async ValueTask ReleaseAsync(Operation op)
    {
        await CallAsync();
        await vm.ReleaseAsync(op);
    }

    private ValueTask CallAsync() => world.PointAsync(SchedulingPoint.Call);
}
