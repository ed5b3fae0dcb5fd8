using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Memslots;

/// <summary>
/// <c>__kvm_set_memory_region / kvm_set_memslot</c> (virt/kvm/kvm_main.c): create, delete, move and re-flag under slots_lock. A slot is
/// removed in two phases. First its INVALID clone is published, and the update waits for all readers, so that no vCPU can map the slot any
/// more. Only then its SPTEs are zapped. Only after that it leaves the set, because notifiers cannot find it afterwards.
/// </summary>
public sealed class MemslotUpdater(Vm vm)
{
    private const MemslotFlags Settable = MemslotFlags.LogDirtyPages | MemslotFlags.ReadOnly;

    /// <summary><c>KVM_MEM_MAX_NR_PAGES</c>.</summary>
    private const long PagesMax = (1L << 31) - 1;

    /// <summary>Page numbers of 64-bit addresses.</summary>
    private const long AddressMax = 1L << 52;

    /// <summary><c>kvm_mmu_max_gfn</c> (arch/x86/kvm/mmu.h), and one more: guest-physical addresses have at most 52 bits. Simplified: a
    /// processor with fewer refuses more.</summary>
    private const long GuestPagesMax = 1L << 40;

    /// <summary>KVM_USER_MEM_SLOTS: private slots (TSS, APIC page, identity page table) have ids from here on, and user space has those
    /// below.</summary>
    public const int FirstPrivateId = 32764;

    /// <summary>KVM_MEM_SLOTS_NUM.</summary>
    private const int IdsMax = 32767;

    private readonly Place _lifetimes = new(vm.World);

    [Untracked("only tells memslots apart")]
    private long _instances;

    /// <summary>A memslot is on its way from one place to another.</summary>
    [Untracked("for the cases that are counted")]
    public bool IsMoving { get; private set; }

    /// <summary>KVM_SET_USER_MEMORY_REGION.</summary>
    public async ValueTask<MemslotResult> SetAsync(Operation op, MemslotChange change)
    {
        if (!vm.Users.TryGet(op, out var user)) return MemslotResult.Dead;
        await vm.SlotsLock.AcquireAsync(op);
        var result = change.Id >= FirstPrivateId ? MemslotResult.Invalid : await SetLockedAsync(op, change);
        vm.SlotsLock.Release(op);
        if (result != MemslotResult.Overlap || vm.Options.Mutant != Mutant.RefusedUpdateKeepsReference) vm.Users.Put(op, user);
        if (result is MemslotResult.Overlap or MemslotResult.Invalid) vm.World.Reached(ReachedCase.MemslotRefused);
        if (result != MemslotResult.Ok) vm.Counters.MemslotRefusals++;
        else if (op.Kind.IsMemslotUpdate) vm.Counters.MemslotUpdates++;
        return result;
    }

    /// <summary>Switches dirty logging of a slot on or off, as user space that knows its slots does; looked up under slots_lock, so that no
    /// update in between is undone.</summary>
    /// <returns>the slot as it now is; null when there is none or the VM is dying</returns>
    public async ValueTask<Memslot?> SetLoggingAsync(Operation op, int id, bool logs)
    {
        if (!vm.Users.TryGet(op, out var user)) return null;
        await vm.SlotsLock.AcquireAsync(op);
        if (vm.Memslots.Active.ById(id) is { } slot)
        {
            var flags = logs ? slot.Flags | MemslotFlags.LogDirtyPages : slot.Flags & ~MemslotFlags.LogDirtyPages;
            await ReflagAsync(op, slot, flags);
            vm.Checks.Memslots.Updated(op, new MemslotChange(id, slot.BaseGfn, slot.Pages, slot.BaseHva, flags));
        }

        var updated = vm.Memslots.Active.ById(id);
        vm.SlotsLock.Release(op);
        vm.Users.Put(op, user);
        return updated;
    }

    /// <summary>The same for a caller that holds slots_lock, and for private slots too: bring-up and teardown.</summary>
    public async ValueTask<MemslotResult> SetLockedAsync(Operation op, MemslotChange change)
    {
        var old = vm.Memslots.Active.ById(change.Id);
        if (!IsAllowed(old, change, out var refusal)) return refusal;
        if (change.Pages == 0) await DeleteOrMoveAsync(op, old!, replacement: null);
        else if (old is null) await InstallAsync(op, Create(change));
        else if (old.BaseGfn != change.BaseGfn)
        {
            IsMoving = true;
            await DeleteOrMoveAsync(op, old, old with { BaseGfn = change.BaseGfn, Flags = change.Flags, Bitmap = BitmapFor(change, old) });
            IsMoving = false;
        }
        else await ReflagAsync(op, old, change.Flags);
        vm.Checks.Memslots.Updated(op, change);
        return MemslotResult.Ok;
    }

    private bool IsAllowed(Memslot? old, MemslotChange change, out MemslotResult refusal)
    {
        refusal = MemslotResult.Invalid;
        if (change.Id is < 0 or >= IdsMax || change.BaseGfn.Value < 0 || change.BaseHva.Value < 0) return false;
        if (change.Pages is < 0 or > PagesMax || (change.Flags & ~Settable) != 0) return false;
        if (change.BaseGfn.Value > AddressMax - change.Pages || change.BaseHva.Value > AddressMax - change.Pages) return false;
        if (change.Pages == 0) return old is not null;
        if (old is not null)
        {
            // kvm_set_memory_region: hva, size and read-only of an existing slot are fixed.
            if (old.Pages != change.Pages || old.BaseHva != change.BaseHva) return false;
            if (((old.Flags ^ change.Flags) & MemslotFlags.ReadOnly) != 0) return false;
        }

        var wanted = new GfnRange(change.BaseGfn, vm.Options.Mutant == Mutant.OverlapMissesLastPage ? change.Pages - 1 : change.Pages);
        foreach (var slot in vm.Memslots.Active.Slots)
        {
            if (slot.Id == change.Id || !slot.Gfns.Overlaps(wanted)) continue;
            refusal = MemslotResult.Overlap;
            return false;
        }

        // kvm_arch_prepare_memory_region, which comes last.
        return change.BaseGfn.Value <= GuestPagesMax - change.Pages;
    }

    private Memslot Create(MemslotChange change) =>
        new(_lifetimes, change.Id, ++_instances, change.BaseGfn, change.Pages, change.BaseHva, change.Flags, BitmapFor(change, old: null));

    /// <summary>The bitmap part of <c>kvm_prepare_memory_region</c>: one that is there stays, with its bits, also when the memslot moves. A
    /// new one is all set under KVM_DIRTY_LOG_INITIALLY_SET. Simplified: where KVM has no bitmap beside rings, the model has one that
    /// nothing marks, to tell one time of logging from the next.</summary>
    private DirtyBitmap? BitmapFor(MemslotChange change, Memslot? old)
    {
        if ((change.Flags & MemslotFlags.LogDirtyPages) == 0) return null;
        if (old?.Bitmap is { } bitmap) return bitmap;
        bitmap = new DirtyBitmap(vm.LogState, new HvaRange(change.BaseHva, change.Pages));
        var isAllSet = old is not null || vm.Options.Mutant != Mutant.CreatedLogBeginsClean;
        if (vm.Options.DirtyLog == DirtyLogMode.InitiallySet && isAllSet) bitmap.Pages.AddAll();
        return bitmap;
    }

    /// <summary>CREATE: nothing was mapped, nothing is zapped.</summary>
    private async ValueTask InstallAsync(Operation op, Memslot created)
    {
        await vm.SlotsArchLock.AcquireAsync(op);
        vm.Memslots.Inactive.Insert(created);
        await SwapAsync(op, replaced: null);
        vm.Memslots.Inactive.Insert(created);
    }

    private async ValueTask DeleteOrMoveAsync(Operation op, Memslot old, Memslot? replacement)
    {
        vm.Checks.Sptes.SlotUsed(op, old);
        await vm.SlotsArchLock.AcquireAsync(op);
        var invalid = old with { Flags = old.Flags | MemslotFlags.Invalid };
        var zapsLate = vm.Options.Mutant == Mutant.ZapAfterSecondSwap;
        if (vm.Options.Mutant == Mutant.DeleteWithoutInvalidPhase)
        {
            await ZapAsync(op, old);
            await vm.World.PointAsync(SchedulingPoint.Preempt);
        }
        else
        {
            if (vm.Options.Mutant == Mutant.BitmapFreedBeforeGrace) FreeAfter(old, replacement);
            vm.Memslots.Inactive.Replace(invalid);
            await SwapAsync(op, replaced: old);
            vm.Memslots.Inactive.Replace(invalid);
            if (!zapsLate) await ZapAsync(op, old);
            await vm.SlotsArchLock.AcquireAsync(op);
        }

        var last = vm.Memslots.Active.ById(old.Id);
        Retire(vm.Memslots.Inactive, old, replacement);
        await SwapAsync(op, replaced: last);
        Retire(vm.Memslots.Inactive, old, vm.Options.Mutant == Mutant.MoveInOneSet && replacement is not null ? old : replacement);
        FreeAfter(old, replacement);
        vm.Checks.Sptes.SlotRemoved(op, old);
        if (zapsLate) await ZapAsync(op, old);
    }

    /// <summary>The bitmap goes with its memslot, unless the moved one has it.</summary>
    private void FreeAfter(Memslot old, Memslot? replacement)
    {
        if (old.Bitmap is not { } bitmap) return;
        if (replacement?.Bitmap != bitmap || vm.Options.Mutant == Mutant.MoveFreesBitmap) bitmap.Free();
        else if (vm.Options.Mutant == Mutant.MoveDropsBitmap) bitmap.Pages.Clear();
    }

    private static void Retire(MemslotSet set, Memslot old, Memslot? replacement)
    {
        set.Remove(old.Id);
        if (replacement is not null) set.Insert(replacement);
    }

    /// <summary>FLAGS_ONLY: publish first, so that faults see the new flags, then protect what is mapped already (kvm-protocol
    /// 4.2).</summary>
    private async ValueTask ReflagAsync(Operation op, Memslot old, MemslotFlags flags)
    {
        vm.Checks.Sptes.SlotUsed(op, old);
        var enables = (flags & ~old.Flags & MemslotFlags.LogDirtyPages) != 0;
        var disables = (old.Flags & ~flags & MemslotFlags.LogDirtyPages) != 0;
        var updated = old with
        {
            Flags = flags,
            Bitmap = BitmapFor(new MemslotChange(old.Id, old.BaseGfn, old.Pages, old.BaseHva, flags), old),
        };
        if (disables && vm.Options.Mutant == Mutant.DisableKeepsFlag) updated = updated with { Flags = old.Flags };
        var protects = enables && vm.Options.DirtyLog != DirtyLogMode.InitiallySet;
        var protectsEarly = protects && vm.Options.Mutant == Mutant.EnableProtectsBeforePublish;
        if (protectsEarly) await vm.DirtyLog.ProtectSlotAsync(op, old);
        var freesEarly = vm.Options.Mutant == Mutant.BitmapFreedWithSlotInUse;
        if (disables && freesEarly) old.Bitmap?.Free();
        await vm.SlotsArchLock.AcquireAsync(op);
        vm.Memslots.Inactive.Replace(updated);
        await SwapAsync(op, replaced: old);
        vm.Memslots.Inactive.Replace(updated);
        if (disables && !freesEarly) old.Bitmap?.Free();
        if (protects && !protectsEarly) await vm.DirtyLog.ProtectSlotAsync(op, updated);
    }

    /// <summary><c>kvm_swap_active_memslots</c>: the caller holds slots_arch_lock, and this drops it before the grace period: a fault that
    /// waits for the lock would delay that. After the grace period no reader has the version that was
    /// <paramref name="replaced"/>.</summary>
    private async ValueTask SwapAsync(Operation op, Memslot? replaced)
    {
        var starts = vm.Counters.NotifierRanges;
        using (vm.World.Observer.Phase(op, "memslots.publish"))
            await vm.Protocol.PublishMemslotsAsync(op, vm.Checks.Contract.PublishCalled(op));
        vm.Checks.Contract.PublishReturned(op);
        vm.Counters.StartsWhilePublishingMax = Math.Max(vm.Counters.StartsWhilePublishingMax, vm.Counters.NotifierRanges - starts);
        vm.World.Trace?.Note(
            op, ModelStep.PublishMemslots, 1,
            $"publishes memslots "
            + $"{string.Join(", ", vm.Memslots.Active.Slots.Select(slot => slot.IsInvalid ? $"{slot.Id} (INVALID)" : $"{slot.Id}"))}");
        vm.SlotsArchLock.Release(op);
        using (vm.World.Observer.Phase(op, "memslots.synchronize_srcu"))
            if (vm.Options.Mutant != Mutant.DeleteWithoutSrcuSync)
                await vm.Srcu.SynchronizeAsync(op);
        replaced?.Free();
        vm.Memslots.CompleteGeneration();
    }

    /// <summary><c>kvm_arch_flush_shadow_memslot</c> with KVM_X86_QUIRK_SLOT_ZAP_ALL off: this slot's SPTEs only. Flushed under the
    /// lock.</summary>
    private async ValueTask ZapAsync(Operation op, Memslot slot)
    {
        await vm.MmuLock.WriteLockAsync(op);
        var zapped = await vm.Zapper.UnmapAsync(op, slot.Gfns, mayYield: true);
        if (!zapped.IsEmpty)
        {
            vm.World.Reached(ReachedCase.MemslotZapped);
            await vm.Flusher.FlushAsync(op, zapped, FlushReason.Memslot);
        }

        vm.MmuLock.WriteUnlock(op);
    }
}

/// <summary>
/// An argument of KVM_SET_USER_MEMORY_REGION: pages 0 deletes slot <paramref name="Id"/>; an unknown id creates; a known id moves (gfn) or
/// re-flags it.
/// </summary>
public readonly record struct MemslotChange(int Id, Gfn BaseGfn, long Pages, Hva BaseHva, MemslotFlags Flags);

/// <summary>Outcome of a memslot update, by the errno that the ioctl returns.</summary>
public enum MemslotResult
{
    Ok,

    /// <summary>-EEXIST: overlaps another slot.</summary>
    Overlap,

    /// <summary>-EINVAL: no such slot, a changed size or hva, an unknown flag, or an id or an address that is too large.</summary>
    Invalid,

    /// <summary>The VM is being destroyed.</summary>
    Dead,
}
