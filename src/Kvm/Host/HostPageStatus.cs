namespace Livebed.Kvm.Host;

public enum HostPageStatus : byte
{
    Ok,

    /// <summary>-EFAULT: no VMA there, or a write to a read-only one; KVM_RUN leaves to user space with the error.</summary>
    Fault,

    /// <summary>-ENOMEM: the host has no frame left.</summary>
    NoMemory,

    /// <summary>-EIO: the address space is gone.</summary>
    NoAddressSpace,
}
