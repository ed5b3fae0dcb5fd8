using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// The inventory's register. One object decides. It keeps only owner and epoch of each VM; the owners know both as well, so their answers
/// make a new register when it is lost (<see cref="Restore"/>). The new register has a later term, and a host that has answered it ignores
/// grants of an earlier term (<see cref="HostOwnership"/>). Otherwise a grant in flight at the loss of the register would make a second
/// owner.
/// </summary>
/// <param name="world">the world it is in</param>
/// <param name="term"><see cref="FirstTerm"/> for a register that has asked no host, higher for each later one</param>
/// <param name="mutant">the defect to have, or null</param>
public sealed class VmInventory(IWorld world, long term = VmInventory.FirstTerm, Mutant? mutant = null)
{
    public const int VmsMax = 1_048_574;

    public const long FirstTerm = 1;

    private readonly TrackedMap<string, (string Host, long Epoch)> _owners = new(world, StringComparer.Ordinal);
    private readonly GoneVms _gone = new(world);
    private Tracked<bool> _isRestored = new(world);

    public long Term { get; } = term;

    /// <summary>A host has told it of a VM, which an earlier inventory may have granted to another.</summary>
    public bool IsRestored => _isRestored.Value;

    public IReadOnlyDictionary<string, (string Host, long Epoch)> Owners =>
        new Dictionary<string, (string Host, long Epoch)>(_owners.ToArray());

    /// <inheritdoc cref="IVmInventory.RegisterAsync"/>
    public Ownership Register(string vm, string host)
    {
        if (_owners.TryGetValue(vm, out var known))
        {
            // The host has registered it before, and nothing has come of that yet: the same grant.
            var isAgain = known == (host, VmEpoch.First);
            return new Ownership(isAgain ? OwnershipStatus.Granted : OwnershipStatus.Refused, known.Host, known.Epoch, Term);
        }

        // Its question was on its way while the VM was destroyed: nobody would ever take the entry out again.
        if (_gone.HasLeft(vm, VmEpoch.First) && mutant != Mutant.LateRegistrationStays)
            return new Ownership(OwnershipStatus.Refused, "", 0, Term);
        if (_owners.Count == VmsMax) return new Ownership(OwnershipStatus.Refused, "", 0, Term);
        return Grant(vm, host, VmEpoch.First);
    }

    /// <inheritdoc cref="IVmInventory.ClaimAsync"/>
    public Ownership Claim(string vm, long epoch, string host)
    {
        if (!_owners.TryGetValue(vm, out var owner)) return new Ownership(OwnershipStatus.Refused, "", 0, Term);
        return owner.Epoch == epoch
            ? Grant(vm, host, VmEpoch.Next(epoch, IsRestored ? Term : 0))
            : new Ownership(OwnershipStatus.Refused, owner.Host, owner.Epoch, Term);
    }

    public Ownership Find(string vm)
    {
        return _owners.TryGetValue(vm, out var owner)
            ? new Ownership(OwnershipStatus.Granted, owner.Host, owner.Epoch, Term)
            : new Ownership(OwnershipStatus.Refused, "", 0, Term);
    }

    /// <inheritdoc cref="IVmInventory.RemoveAsync"/>
    public Ownership Remove(string vm, long epoch)
    {
        if (!_owners.TryGetValue(vm, out var owner))
        {
            _gone.Add(vm, epoch);
            return new Ownership(OwnershipStatus.Refused, "", 0, Term);
        }

        if (owner.Epoch != epoch) return new Ownership(OwnershipStatus.Refused, owner.Host, owner.Epoch, Term);
        _owners.Remove(vm);
        _gone.Add(vm, epoch);
        return new Ownership(OwnershipStatus.Granted, "", 0, Term);
    }

    /// <summary>A host's record, after the register was lost. The host with the highest epoch of a VM is its owner.</summary>
    public void Restore(string vm, string host, long epoch)
    {
        _isRestored.Value = true;
        if (!_owners.TryGetValue(vm, out var owner) || owner.Epoch < epoch || mutant == Mutant.LastReportWins) _owners[vm] = (host, epoch);
    }

    private Ownership Grant(string vm, string host, long epoch)
    {
        _owners[vm] = (host, epoch);
        return new Ownership(OwnershipStatus.Granted, host, epoch, Term);
    }
}
