namespace Livebed.Kvm.Memslots;

[Flags]
public enum MemslotFlags
{
    None = 0,

    /// <summary><c>KVM_MEM_LOG_DIRTY_PAGES</c>.</summary>
    LogDirtyPages = 1,

    /// <summary><c>KVM_MEM_READONLY</c>: guest writes leave to user space.</summary>
    ReadOnly = 2,

    /// <summary><c>KVM_MEMSLOT_INVALID</c>: being deleted or moved. Faults retry, notifiers still zap it.</summary>
    Invalid = 1 << 16,
}
