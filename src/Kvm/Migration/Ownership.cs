namespace Livebed.Kvm.Migration;

/// <summary>An answer of the inventory: whether what was asked was granted, and who owns the VM now; epoch 0 when nobody does.</summary>
/// <param name="Status">the answer</param>
/// <param name="Host">the owner</param>
/// <param name="Epoch">the owner's epoch</param>
/// <param name="Term">which inventory answered: a later one has asked every host what it owns, and grants of an earlier one are void</param>
public readonly record struct Ownership(OwnershipStatus Status, string Host, long Epoch, long Term = 0)
{
    public static readonly Ownership Lost = new(OwnershipStatus.Lost, "", 0);
}
