using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// The inventory's register. One object decides; it keeps nothing but owner and epoch of each VM, which is also what the owners know, so
/// that a new one can be made of their answers (<see cref="Restore"/>) when it is lost. The new one has a later term, and a host that has
/// answered it takes no grant of an earlier term any more (<see cref="HostOwnership"/>): else a grant that was on its way when the register
/// was lost would make a second owner.
/// </summary>
/// <param name="world">the world it is in</param>
/// <param name="term">1 for the first, more for each that was made anew</param>
public sealed class VmInventory(IWorld world, long term = 1)
{
    public const int VmsMax = 65_535;

    private readonly Dictionary<string, (string Host, long Epoch)> _owners = new(StringComparer.Ordinal);
    private readonly Place _place = new(world);

    public long Term { get; } = term;

    public IReadOnlyDictionary<string, (string Host, long Epoch)> Owners => _owners;

    /// <inheritdoc cref="IVmInventory.RegisterAsync"/>
    public Ownership Register(string vm, string host)
    {
        _place.Writes();
        if (_owners.TryGetValue(vm, out var known)) return new Ownership(OwnershipStatus.Refused, known.Host, known.Epoch, Term);
        if (_owners.Count == VmsMax) return new Ownership(OwnershipStatus.Refused, "", 0, Term);
        return Grant(vm, host, 1);
    }

    /// <inheritdoc cref="IVmInventory.ClaimAsync"/>
    public Ownership Claim(string vm, long epoch, string host)
    {
        _place.Writes();
        if (!_owners.TryGetValue(vm, out var owner)) return new Ownership(OwnershipStatus.Refused, "", 0, Term);
        return owner.Epoch == epoch ? Grant(vm, host, epoch + 1) : new Ownership(OwnershipStatus.Refused, owner.Host, owner.Epoch, Term);
    }

    public Ownership Find(string vm)
    {
        _place.Reads();
        return _owners.TryGetValue(vm, out var owner)
            ? new Ownership(OwnershipStatus.Granted, owner.Host, owner.Epoch, Term)
            : new Ownership(OwnershipStatus.Refused, "", 0, Term);
    }

    /// <inheritdoc cref="IVmInventory.RemoveAsync"/>
    public Ownership Remove(string vm, long epoch)
    {
        _place.Writes();
        if (!_owners.TryGetValue(vm, out var owner)) return new Ownership(OwnershipStatus.Refused, "", 0, Term);
        if (owner.Epoch != epoch) return new Ownership(OwnershipStatus.Refused, owner.Host, owner.Epoch, Term);
        _owners.Remove(vm);
        return new Ownership(OwnershipStatus.Granted, "", 0, Term);
    }

    /// <summary>What a host says that it owns, after the register was lost: the highest epoch of a VM is its owner's.</summary>
    public void Restore(string vm, string host, long epoch)
    {
        _place.Writes();
        if (!_owners.TryGetValue(vm, out var owner) || owner.Epoch < epoch) _owners[vm] = (host, epoch);
    }

    private Ownership Grant(string vm, string host, long epoch)
    {
        _owners[vm] = (host, epoch);
        return new Ownership(OwnershipStatus.Granted, host, epoch, Term);
    }
}
