using Livebed.Kvm.Migration;

namespace Livebed.Grains.Contracts;

/// <summary>
/// Which host owns which VM, see <see cref="IVmInventory"/>: one activation, <see cref="Placement.ActorKeys.Inventory"/>. When it dies the
/// next one asks every host what it owns before it answers any call.
/// </summary>
[Alias("livebed.inventory")]
public interface IInventoryGrain : IGrainWithStringKey
{
    [AtLeastOnce]
    ValueTask<Ownership> RegisterAsync(string vm, string host);

    [AtLeastOnce]
    ValueTask<Ownership> ClaimAsync(string vm, long epoch, string host);

    [AtLeastOnce]
    ValueTask<Ownership> FindAsync(string vm);

    [AtLeastOnce]
    ValueTask<Ownership> RemoveAsync(string vm, long epoch);
}
