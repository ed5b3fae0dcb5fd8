using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Notifiers;

/// <summary>
/// How notifications, faults and memslot updates keep out of each other's way: the thing that Livebed compares. One instance serves one
/// VM and keeps the counters and locks that the kernel keeps in <c>struct kvm</c>. To add a protocol, implement this and add it to
/// <see cref="ProtocolCatalog"/>; `docs/protocols.md` walks through one.
/// </summary>
public interface IInvalidationProtocol
{
    /// <summary><c>kvm_mmu_notifier_invalidate_range_start</c>.</summary>
    ValueTask RangeStartAsync(Operation op, MmuNotifierRange range);

    /// <summary><c>kvm_mmu_notifier_invalidate_range_end</c>.</summary>
    ValueTask RangeEndAsync(Operation op, MmuNotifierRange range);

    /// <summary>
    /// The publishing part of <c>install_new_memslots</c> / <c>kvm_swap_active_memslots</c>: waits for what must be waited for and calls
    /// <paramref name="publish"/> exactly once, in the same critical section. The caller holds slots_lock and slots_arch_lock.
    /// </summary>
    ValueTask PublishMemslotsAsync(Operation op, Action publish);

    /// <summary><c>mmu_invalidate_seq</c>, read before the host lookup.</summary>
    ulong Sequence { get; }

    /// <summary><c>mmu_invalidate_retry_gfn_unsafe</c>, without mmu_lock; only a hint. Protocols without it return false.</summary>
    bool ShouldRetryUnlocked(ulong sequence, Gfn gfn, Hva hva);

    /// <summary><c>mmu_invalidate_retry_*</c>, under mmu_lock (any mode): must the fault start over?</summary>
    bool MustRetry(ulong sequence, Gfn gfn, Hva hva);

    /// <summary>
    /// Undoes the effect of a range that never gets its end, after <c>mmu_notifier_unregister</c>. False when an operation waits for the
    /// range, which a correct teardown makes impossible.
    /// </summary>
    bool ResetAtDestroy();

    /// <summary>Does the range's end depend on seeing the same memslots as its start (check S4)?</summary>
    bool NeedsSameSlots(MmuNotifierRange range);

    /// <summary>Number of ranges counted as in progress, for check S3; both are 0 when no range is open.</summary>
    long InvalidationsInProgress { get; }

    /// <summary><c>mn_active_invalidate_count</c>; 0 for protocols without one.</summary>
    long ActiveInvalidations { get; }

    /// <summary>Whether the VM subscribes to <c>.change_pte</c> (kernels before 6.10).</summary>
    bool HasChangePte { get; }

    /// <summary>Whether <c>.change_pte</c> maps the page that it is told of, as arm64's <c>kvm_set_spte_gfn</c> does. x86 changes an SPTE
    /// only where it finds one, and range_start has left none.</summary>
    bool ChangePteMaps => false;

    /// <summary>Whether ageing goes without mmu_lock (recent kernels).</summary>
    bool HasLocklessAgeing { get; }
}

/// <summary>What a protocol gets of its VM: where to make its locks, mmu_lock, the walk over memslots, and the mutant to be.</summary>
public sealed record ProtocolContext(
    IWorld World, LockDomain Locks, string VmName, MmuLock MmuLock, HvaRangeWalk Walk, Mutant? Mutant)
{
    /// <summary>What <c>mmu_invalidate_seq</c> begins with; any value is as good as another.</summary>
    public ulong SequenceFrom { get; init; }
}

/// <summary>The name, in kebab-case, by which a protocol of an assembly of its own is chosen; without it that is the type's name less
/// "Protocol".</summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class ProtocolNameAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}
