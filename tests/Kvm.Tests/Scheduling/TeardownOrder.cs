namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>The paths of kvm-protocol section 7.</summary>
internal enum TeardownOrder
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
