using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Migration;

/// <summary>An inventory that answers at once, and that can be replaced while an answer of it is on its way.</summary>
internal sealed class PlainInventory(VmInventory first) : IVmInventory
{
    private VmInventory _inventory = first;

    /// <summary>Called when a claim has been decided and before its answer arrives; the inventory that decides from then on.</summary>
    public Func<VmInventory>? ReplacedAfterClaim { get; set; }

    public ValueTask<Ownership> RegisterAsync(Operation op, string vm, string host) => ValueTask.FromResult(_inventory.Register(vm, host));

    public ValueTask<Ownership> ClaimAsync(Operation op, string vm, long epoch, string host)
    {
        var answer = _inventory.Claim(vm, epoch, host);
        if (ReplacedAfterClaim is not { } replaced) return ValueTask.FromResult(answer);
        ReplacedAfterClaim = null;
        _inventory = replaced();
        return ValueTask.FromResult(answer);
    }

    public ValueTask<Ownership> FindAsync(Operation op, string vm) => ValueTask.FromResult(_inventory.Find(vm));

    public ValueTask<Ownership> RemoveAsync(Operation op, string vm, long epoch) => ValueTask.FromResult(_inventory.Remove(vm, epoch));
}
