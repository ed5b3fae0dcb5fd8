using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>A claim that is repeated until it is answered: an answer that was lost is found again, because a claim that was granted is refused to everybody but its owner.</summary>
internal static class OwnershipClaim
{
    private const int Attempts = 1_000;
    private const long PauseMicroseconds = 10_000;

    /// <returns>granted, or refused because somebody else was; lost when the inventory never answered</returns>
    public static async ValueTask<Ownership> MakeAsync(IWorld world, IVmInventory inventory, Operation op, string vm, long epoch, string host)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var answer = await inventory.ClaimAsync(op, vm, epoch, host);
            if (answer.Host == host && answer.Epoch == epoch + 1) return answer with { Status = OwnershipStatus.Granted };
            if (answer.Status != OwnershipStatus.Lost) return answer;
            await world.DelayAsync(PauseMicroseconds);
        }

        return Ownership.Lost;
    }
}
