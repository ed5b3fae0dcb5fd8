using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// Which host owns which VM. Ownership changes in one place and by compare-and-exchange on the epoch, so of two hosts that claim the same epoch one gets it, whoever
/// crashed meanwhile. A host lets a VM run only under an epoch that it was granted.
/// </summary>
public interface IVmInventory
{
    /// <summary>A new VM, owned by its first host: epoch 1. Refused when the VM is known.</summary>
    ValueTask<Ownership> RegisterAsync(Operation op, string vm, string host);

    /// <summary>Takes the VM over, or keeps it: granted if its epoch still is <paramref name="epoch"/>, and then it is one more.</summary>
    ValueTask<Ownership> ClaimAsync(Operation op, string vm, long epoch, string host);

    ValueTask<Ownership> FindAsync(Operation op, string vm);

    /// <summary>The VM is gone for good. Refused when the epoch is another.</summary>
    ValueTask<Ownership> RemoveAsync(Operation op, string vm, long epoch);
}
