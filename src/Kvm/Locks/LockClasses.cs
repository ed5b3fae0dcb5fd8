namespace Livebed.Kvm.Locks;

/// <summary>The kernel's locks that the model has, under the kernel's names; their order is in docs/locking.md.</summary>
public static class LockClasses
{
    /// <summary><c>ksm_thread_mutex</c>: one KSM scan at a time.</summary>
    public static readonly LockClass KsmThreadMutex = LockClass.Define("ksm_thread_mutex", maySleep: true);

    /// <summary><c>mm->mmap_lock</c>: VMAs.</summary>
    public static readonly LockClass MmapLock = LockClass.Define("mmap_lock", maySleep: true);

    /// <summary><c>mm->mm_users</c>: a reference count, modelled as a lock that users hold for read, so that an exit which waits for the
    /// last user has a witness.</summary>
    public static readonly LockClass MmUsers = LockClass.Define("mm_users", maySleep: true);

    /// <summary>The folio lock of one page, held over migration and KSM merging.</summary>
    public static readonly LockClass FolioLock = LockClass.Define("folio_lock", maySleep: true);

    /// <summary>The rmap locks (<c>anon_vma->rwsem</c>, <c>i_mmap_rwsem</c>) of one address space as one: reclaim, migration and ageing
    /// reach its pages under it, without <c>mmap_lock</c>.</summary>
    public static readonly LockClass RmapLock = LockClass.Define("rmap_lock", maySleep: true);

    /// <summary><c>mm->page_table_lock</c> (PTL): PTEs.</summary>
    public static readonly LockClass PageTableLock = LockClass.Define("page_table_lock", maySleep: false);

    /// <summary>The global SRCU domain of mm/mmu_notifier.c.</summary>
    public static readonly LockClass NotifierSrcu = LockClass.Define("mmu_notifier_srcu", maySleep: true, readersQueueBehindWriters: false);

    /// <summary>QEMU's own lock around a VM's dirty-log session (part of the BQL).</summary>
    public static readonly LockClass BigQemuLock = LockClass.Define("bql", maySleep: true);

    /// <summary><c>kvm->users_count</c>: a destroyer (write) waits for the users (read).</summary>
    public static readonly LockClass UsersCount = LockClass.Define("users_count", maySleep: true, readersQueueBehindWriters: false);

    /// <summary><c>vcpu->mutex</c> of all vCPUs of a VM: held (read) while one is in KVM_RUN, taken (write) to know that none is.</summary>
    public static readonly LockClass VcpuMutex = LockClass.Define("vcpu_mutex", maySleep: true);

    /// <summary><c>kvm->slots_lock</c>.</summary>
    public static readonly LockClass SlotsLock = LockClass.Define("slots_lock", maySleep: true);

    /// <summary><c>kvm->slots_arch_lock</c>.</summary>
    public static readonly LockClass SlotsArchLock = LockClass.Define("slots_arch_lock", maySleep: true);

    /// <summary><c>kvm->srcu</c>.</summary>
    public static readonly LockClass KvmSrcu = LockClass.Define("kvm_srcu", maySleep: true, readersQueueBehindWriters: false);

    /// <summary>The seed's <c>kvm->mmu_notifier_slots_lock</c>, a fair rwsem.</summary>
    public static readonly LockClass NotifierSlotsLock = LockClass.Define("mmu_notifier_slots_lock", maySleep: true);

    /// <summary>The same with recursive readers.</summary>
    public static readonly LockClass NotifierSlotsLockUnfair =
        LockClass.Define("mmu_notifier_slots_lock_unfair", maySleep: true, readersQueueBehindWriters: false);

    /// <summary><c>kvm->mn_invalidate_lock</c>.</summary>
    public static readonly LockClass MnInvalidateLock = LockClass.Define("mn_invalidate_lock", maySleep: false);

    /// <summary><c>kvm->mn_memslots_update_rcuwait</c>: the updater waits (write) for active ranges (read).</summary>
    public static readonly LockClass MnMemslotsUpdateRcuwait =
        LockClass.Define("mn_memslots_update_rcuwait", maySleep: true, readersQueueBehindWriters: false);

    /// <summary><c>kvm->mmu_lock</c>, spin or rw.</summary>
    public static readonly LockClass MmuLock = LockClass.Define("mmu_lock", maySleep: false);

    /// <summary><c>handle_userfault</c>: no lock: an access sleeps here until user space has placed the page. It has no holder.</summary>
    public static readonly LockClass Userfaultfd = LockClass.Define("userfaultfd", maySleep: true, readersQueueBehindWriters: false);

    /// <summary>User space's own: a stream of a migration, held (read) over each send, taken (write) to close it.</summary>
    public static readonly LockClass MigrationStream = LockClass.Define("migration_stream", maySleep: true);
}
