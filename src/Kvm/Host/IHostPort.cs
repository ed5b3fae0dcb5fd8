using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>What a VM asks of its host, always about its own address space: the way from KVM to the primary MMU.</summary>
public interface IHostPort
{
    /// <summary><c>__kvm_faultin_pfn / hva_to_pfn</c> (virt/kvm/kvm_main.c): walks the host PTE, faults the page in if need be, takes a
    /// reference. May break COW, swap in, wait for a migrating page, and so run notifiers of its own.</summary>
    ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write);

    /// <summary>What a caller of <see cref="FaultInAsync"/> says that got no page, or no answer; one that got a page gives it
    /// back.</summary>
    ValueTask NoPageAsync(Operation op) => ValueTask.CompletedTask;

    /// <summary><c>kvm_release_faultin_page</c>: gives the reference back.</summary>
    ValueTask PutPageAsync(Operation op, Pfn pfn);

    /// <summary><c>copy_to_user</c> of KVM's own writes (emulation, pvclock): writes <paramref name="value"/> to the page as the newest
    /// value; false is -EFAULT. Marking the page dirty is the caller's.</summary>
    ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value);

    /// <summary><c>mmu_notifier_register</c> of this VM with its address space; false when the address space is gone.</summary>
    ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber);

    /// <summary><c>mmu_notifier_unregister</c>: release if still hashed, unhash, synchronize_srcu. When it returns, no callback runs and
    /// none will.</summary>
    ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber);

    /// <summary>User space copies these pages out, as a migration does: the present content of each becomes "the last copy".</summary>
    ValueTask CopyPagesAsync(Operation op, PageSet pages);

    /// <summary>Pages of the set's range written (by guest or KVM) since their last copy that are not in the set; at most 16.</summary>
    ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty);

    /// <summary>Compares SPTEs with the page table: the indexes of SPTEs that do not match it and that no open range covers.</summary>
    ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes);
}

/// <summary>
/// What <see cref="IHostPort.FaultInAsync"/> found. When <paramref name="Status"/> is Ok the caller has a reference on the frame and must
/// give it back with PutPage. <paramref name="Writable"/> is the PTE's permission, which can be wider than what was asked for.
/// </summary>
public readonly record struct HostPage(HostPageStatus Status, Pfn Pfn, bool Writable);

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

/// <summary>A secondary page-table entry as its VM hands it in for an audit: the page its memslot gives for it, and what it maps.</summary>
public readonly record struct AuditedSpte(Hva Hva, Pfn Pfn, bool Writable);
