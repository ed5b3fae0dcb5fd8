namespace Livebed.Grains.Contracts;

/// <summary>kvm-protocol section 7.</summary>
public enum DestroyOrder
{
    /// <summary>Path A: the last reference to the VM is dropped, then the process exits.</summary>
    VmFirst,

    /// <summary>Path B: the process exits, then the VM's last reference is dropped.</summary>
    AddressSpaceFirst,

    /// <summary>Both at once.</summary>
    Race,
}
