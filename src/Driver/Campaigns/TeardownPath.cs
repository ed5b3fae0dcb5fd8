namespace Livebed.Driver.Campaigns;

/// <summary>By which way a VM dies (kvm-protocol section 7).</summary>
public enum TeardownPath
{
    /// <summary>The last reference to the VM is dropped while its address space lives on.</summary>
    VmFirst,

    /// <summary>The address space exits, the VM finds its notifier released.</summary>
    MmFirst,

    /// <summary>Drawn for each teardown.</summary>
    Both,
}
