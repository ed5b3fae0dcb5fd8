using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// Which host owns which VM. Ownership changes in one place, by compare-and-exchange on the epoch. So of two hosts that claim the same
/// epoch one gets it, whichever host crashes meanwhile. A host lets a VM run only under an epoch that it was granted.
/// </summary>
public interface IVmInventory
{
    /// <summary>A new VM, owned by its first host: epoch 1. Refused when another host is known to have it, it was handed over before, or it
    /// was removed.</summary>
    ValueTask<Ownership> RegisterAsync(Operation op, string vm, string host);

    /// <summary>Takes the VM over, or keeps it: granted if its epoch still is <paramref name="epoch"/>, and then it is one more.</summary>
    ValueTask<Ownership> ClaimAsync(Operation op, string vm, long epoch, string host);

    ValueTask<Ownership> FindAsync(Operation op, string vm);

    /// <summary>The VM is gone for good. Refused when the epoch is another.</summary>
    ValueTask<Ownership> RemoveAsync(Operation op, string vm, long epoch);
}

/// <summary>The port to a host's <see cref="HostOwnership"/>. User space may live on another machine than the host's record.</summary>
public interface IHostOwnership
{
    string Host { get; }

    /// <inheritdoc cref="HostOwnership.Record"/>
    ValueTask<OwnershipStatus> RecordAsync(string vm, Ownership answer);

    /// <inheritdoc cref="HostOwnership.Release"/>
    ValueTask ReleaseAsync(string vm, long epoch);
}

/// <summary>An answer of the inventory: whether the request was granted, and the VM's owner now; epoch 0 without an owner.</summary>
/// <param name="Status">the answer</param>
/// <param name="Host">the owner</param>
/// <param name="Epoch">the owner's epoch</param>
/// <param name="Term">which inventory answered: a later one has asked every host what it owns, and grants of an earlier one are
/// void</param>
public readonly record struct Ownership(OwnershipStatus Status, string Host, long Epoch, long Term = 0)
{
    public static readonly Ownership Lost = new(OwnershipStatus.Lost, "", 0);

    public override string ToString() => Status == OwnershipStatus.Lost
        ? "nothing"
        : Epoch == 0 ? "that the VM has no owner" : $"that {Host} owns the VM under epoch {Epoch}";
}

public enum OwnershipStatus : byte
{
    Granted,
    Refused,

    /// <summary>No answer: the request may or may not have been granted; ask for the owner.</summary>
    Lost,
}

/// <summary>
/// A claim that is repeated until a valid inventory has answered it and the claimant's host has recorded the answer. A lost answer is found
/// again, because a granted claim is refused to every host but its owner. The host's lost answer is found in the same way, from its record.
/// A lost answer is never a refusal: otherwise a host would own the VM without running it.
/// </summary>
internal static class OwnershipClaim
{
    private const int Attempts = 1_000;
    private const long PauseMicroseconds = 10_000;

    /// <param name="world">the world</param>
    /// <param name="inventory">the register</param>
    /// <param name="ownership">the claimant's host's record</param>
    /// <param name="op">the operation</param>
    /// <param name="vm">the VM</param>
    /// <param name="epoch">the one that is over</param>
    /// <param name="goesOn">whether it is repeated for ever; as many attempts as else are left when it no longer is. null for
    /// never</param>
    /// <param name="mutant">the defect to have, or null</param>
    /// <returns>granted, and recorded by the claimant's host; refused, because another host was granted it or the VM is unknown; lost, when
    /// no valid inventory ever answered</returns>
    public static async ValueTask<Ownership> MakeAsync(
        IWorld world, IVmInventory inventory, IHostOwnership ownership, Operation op, string vm, long epoch, Func<bool>? goesOn = null,
        Mutant? mutant = null)
    {
        for (var (attempt, left) = (1, Attempts); left > 0; attempt++)
        {
            var answer = await inventory.ClaimAsync(op, vm, epoch, ownership.Host);
            if (answer.Host == ownership.Host && (VmEpoch.Follows(answer.Epoch, epoch) || mutant == Mutant.ClaimantTakesAnyEpoch))
                answer = answer with { Status = OwnershipStatus.Granted };
            if (answer.Status != OwnershipStatus.Lost && await ownership.RecordAsync(vm, answer) is not OwnershipStatus.Lost and var taken)
                return answer with { Status = taken };
            world.Reached(ReachedCase.ClaimUnanswered);
            await world.DelayAsync(PauseMicroseconds);
            if (goesOn?.Invoke() == true) left = mutant == Mutant.DestroyGivesClaimUp ? Math.Max(1, Attempts - attempt) : Attempts;
            else left--;
        }

        return Ownership.Lost;
    }
}

/// <summary>
/// A removal that is repeated until a valid inventory has answered it. The host forgets the VM first, so an inventory that asks the host
/// later never knows the VM; one that has asked before is the only one whose answer is valid.
/// </summary>
internal static class OwnershipRemoval
{
    private const int Attempts = 1_000;
    private const long PauseMicroseconds = 10_000;

    public static async ValueTask MakeAsync(
        IWorld world, IVmInventory inventory, IHostOwnership ownership, Operation op, string vm, long epoch)
    {
        await ownership.ReleaseAsync(vm, epoch);
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var answer = await inventory.RemoveAsync(op, vm, epoch);
            if (answer.Status != OwnershipStatus.Lost && await ownership.RecordAsync(vm, answer) != OwnershipStatus.Lost)
            {
                if (answer.Host != ownership.Host || !VmEpoch.Follows(answer.Epoch, epoch)) return;

                // This host's last claim was granted, and it has not heard of that.
                epoch = answer.Epoch;
                await ownership.ReleaseAsync(vm, epoch);
                continue;
            }

            await world.DelayAsync(PauseMicroseconds);
        }
    }
}
