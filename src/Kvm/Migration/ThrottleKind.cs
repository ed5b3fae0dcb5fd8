namespace Livebed.Kvm.Migration;

/// <summary>How the guest is slowed down when it writes faster than the link carries.</summary>
public enum ThrottleKind : byte
{
    None,

    /// <summary>QEMU's <c>auto-converge</c>: every vCPU sleeps a share of its time.</summary>
    AutoConverge,

    /// <summary>QEMU's <c>dirty-limit</c>: only vCPUs that write sleep, and only as long as they must.</summary>
    DirtyLimit,
}
