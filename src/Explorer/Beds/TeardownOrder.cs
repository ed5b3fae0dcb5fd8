namespace Livebed.Explorer.Beds;

/// <summary>The paths of kvm-protocol section 7.</summary>
public enum TeardownOrder
{
    /// <summary>Path A, by another process: no private memslots are deleted.</summary>
    VmFirst,

    /// <summary>Path A, by the VM's own process.</summary>
    VmFirstShared,

    /// <summary>Path B.</summary>
    AddressSpaceFirst,

    /// <summary>Race of A and B.</summary>
    AtOnce,
}
