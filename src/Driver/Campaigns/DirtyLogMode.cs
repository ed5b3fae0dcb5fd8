namespace Livebed.Driver.Campaigns;

/// <summary>How a VM's writes are logged (kvm-protocol sections 4.2 to 4.5).</summary>
public enum DirtyLogMode
{
    None,

    /// <summary>Get copies, clears and protects at once.</summary>
    Bitmap,

    /// <summary><c>KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2</c>: get copies, clear protects.</summary>
    Manual,

    /// <summary>Manual, and all pages count as dirty at first, so that enabling protects nothing.</summary>
    InitiallySet,

    /// <summary>A ring per vCPU.</summary>
    Ring,
}
