namespace Livebed.Kvm.Vms;

/// <summary>How a VM's user space tracks dirty pages.</summary>
public enum DirtyLogMode
{
    None,

    /// <summary>KVM_GET_DIRTY_LOG, which clears and re-protects.</summary>
    Bitmap,

    /// <summary>KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: get copies, KVM_CLEAR_DIRTY_LOG clears and re-protects.</summary>
    Manual,

    /// <summary>The same with KVM_DIRTY_LOG_INITIALLY_SET.</summary>
    InitiallySet,

    /// <summary>KVM_CAP_DIRTY_LOG_RING.</summary>
    Ring,
}
