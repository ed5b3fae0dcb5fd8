using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>The way from user space to its host's books. User space may live on another machine, so a call may arrive twice here
/// too.</summary>
internal sealed class BedOwnership(VirtualWorld world, HostOwnership books, BedNetwork network) : IHostOwnership
{
    public string Host => books.Host;

    public ValueTask<OwnershipStatus> RecordAsync(string vm, Ownership answer) => CallAsync(() => books.Record(vm, answer));

    public async ValueTask ReleaseAsync(string vm, long epoch) => await CallAsync(() =>
    {
        books.Release(vm, epoch);
        return true;
    });

    private ValueTask<T> CallAsync<T>(Func<T> call) => network.CallAsync(async () =>
    {
        if (world.Current is not null) await world.PointAsync(SchedulingPoint.Call);
        return call();
    });
}
