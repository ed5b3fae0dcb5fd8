using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// A claim that is repeated until an inventory that counts has answered it and the claimant's host has heard that. An answer that was lost is found again, because a claim that was granted is
/// refused to everybody but its owner; so is what the host has said to it, which may have put the VM into its books. Neither may be taken for a no: the VM would be owned by one who does not run it.
/// </summary>
internal static class OwnershipClaim
{
    private const int Attempts = 1_000;
    private const long PauseMicroseconds = 10_000;

    /// <returns>granted, and in the books of the claimant's host; or refused because somebody else was granted it, or nobody knows the VM; lost when nobody who counts ever answered</returns>
    public static async ValueTask<Ownership> MakeAsync(IWorld world, IVmInventory inventory, ITenancy tenancy, Operation op, string vm, long epoch)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var answer = await inventory.ClaimAsync(op, vm, epoch, tenancy.Host);
            if (answer.Host == tenancy.Host && answer.Epoch == epoch + 1) answer = answer with { Status = OwnershipStatus.Granted };
            if (answer.Status != OwnershipStatus.Lost && await tenancy.TakeAsync(vm, answer) is not OwnershipStatus.Lost and var taken) return answer with { Status = taken };
            await world.DelayAsync(PauseMicroseconds);
        }

        return Ownership.Lost;
    }
}
