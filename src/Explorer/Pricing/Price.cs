using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Pricing;

/// <summary>What has a price: one step of a kernel or of hardware, in nanoseconds of virtual time. The order is that of a price list and of
/// docs/price.md.</summary>
public enum Price : byte
{
    /// <summary>An atomic read-modify-write of a cache line that this CPU touched last.</summary>
    AtomicOwn,

    /// <summary>The same of a line that another CPU of the node touched last: the line moves, and moves for one CPU at a time.</summary>
    AtomicNear,

    /// <summary>The same where that CPU is of another node.</summary>
    AtomicFar,

    /// <summary>From the release of a contended spinning lock until the next in its queue has it, beyond moving its line.</summary>
    LockHandOver,

    /// <summary>A task that has to wait leaves its CPU (<c>schedule</c>).</summary>
    Sleep,

    /// <summary>What it takes the waker to wake a sleeper (<c>try_to_wake_up</c>).</summary>
    Wake,

    /// <summary>From there until the sleeper runs on an idle CPU.</summary>
    WakeLatency,

    /// <summary>A CPU goes from one task to another.</summary>
    ContextSwitch,

    /// <summary>How long a task runs when others wait for its CPU.</summary>
    TimeSlice,

    /// <summary>From the guest's access until KVM's handler runs.</summary>
    VmExit,

    /// <summary>From the handler's end until the guest runs on.</summary>
    VmEntry,

    /// <summary>A two-dimensional page walk by hardware: a TLB miss that finds an SPTE.</summary>
    PageWalk,

    /// <summary>A guest's access to a page that its TLB has.</summary>
    GuestAccess,

    /// <summary>What KVM's fault handler does outside of the steps that have prices of their own.</summary>
    FaultHandler,

    /// <summary>The host's page is found without a lock (<c>get_user_page_fast_only</c>).</summary>
    GupFast,

    /// <summary>The host's page is found or made under mmap_lock (<c>get_user_pages_unlocked</c>); the PTE change has its own
    /// price.</summary>
    GupSlow,

    /// <summary>An SPTE is made and written.</summary>
    SpteInstall,

    /// <summary>An SPTE is made writable without mmu_lock.</summary>
    FastPageFault,

    /// <summary>An SPTE is zapped.</summary>
    SpteZap,

    /// <summary>An SPTE is write-protected, with its bit of the dirty log.</summary>
    WriteProtect,

    /// <summary>A page is marked dirty.</summary>
    MarkDirty,

    /// <summary>The first interrupt of a TLB flush to other CPUs is sent.</summary>
    FlushSend,

    /// <summary>Each further target of the flush.</summary>
    FlushTarget,

    /// <summary>From the interrupt until the target has stopped what it did.</summary>
    FlushDelivery,

    /// <summary>A TLB flush that the hardware broadcasts, and waits for, without an interrupt.</summary>
    FlushBroadcast,

    /// <summary>A section of SRCU is entered and left.</summary>
    SrcuRead,

    /// <summary>A grace period of SRCU without a reader (<c>synchronize_srcu</c>): unregister.</summary>
    SynchronizeSrcu,

    /// <summary>The same, expedited: memslot updates.</summary>
    SynchronizeSrcuExpedited,

    /// <summary>The mm calls a subscriber of its notifications.</summary>
    NotifierCall,

    /// <summary>KVM looks for memslots under a range of addresses.</summary>
    MemslotLookup,

    /// <summary>A host PTE changes, and its page is freed or mapped.</summary>
    PteChange,

    /// <summary>A system call that changes memory, outside of the steps that have prices of their own.</summary>
    SystemCall,

    /// <summary>A page of 4 KiB is copied.</summary>
    PageCopy,

    /// <summary>Two pages of 4 KiB are compared.</summary>
    PageCompare,
}

/// <summary>Names of prices, as price lists have them.</summary>
public static class PriceNames
{
    private static readonly Price[] _all = Enum.GetValues<Price>();
    private static readonly string[] _names = [.. _all.Select(price => KebabCase.Of(price))];

    /// <summary>In the order of a price list.</summary>
    public static IReadOnlyList<Price> All => _all;

    public static string NameOf(Price price) => _names[(int)price];

    /// <summary>Null when nothing of that name has a price.</summary>
    public static Price? Find(string name) => Array.IndexOf(_names, name) is var index and >= 0 ? _all[index] : null;
}
