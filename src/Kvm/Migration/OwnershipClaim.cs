using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>A claim that is repeated until it is answered: an answer that was lost is found again, because a claim that was granted is refused to everybody but its owner; and a grant
/// of an inventory that was replaced while it was on its way counts for nothing, so the next inventory is asked.</summary>
internal static class OwnershipClaim
{
    private const int Attempts = 1_000;
    private const long PauseMicroseconds = 10_000;

    /// <returns>granted, and known to the host; or refused because somebody else was; lost when no inventory ever answered whose answers count</returns>
    public static async ValueTask<Ownership> MakeAsync(IWorld world, IVmInventory inventory, ITenancy tenancy, Operation op, string vm, long epoch)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var answer = await inventory.ClaimAsync(op, vm, epoch, tenancy.Host);
            if (answer.Host == tenancy.Host && answer.Epoch == epoch + 1)
            {
                answer = answer with { Status = OwnershipStatus.Granted };
                if (await tenancy.TryTakeAsync(vm, answer)) return answer;
            }
            else if (answer.Status != OwnershipStatus.Lost) return answer;

            await world.DelayAsync(PauseMicroseconds);
        }

        return Ownership.Lost;
    }
}
