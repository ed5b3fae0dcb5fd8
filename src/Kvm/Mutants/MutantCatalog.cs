using Livebed.Kvm.Checks;

namespace Livebed.Kvm.Mutants;

/// <summary>Every mutant as data: its story, where it comes from, which invariants may catch it, and the campaign in which one
/// does.</summary>
public static class MutantCatalog
{
    public static IReadOnlyList<MutantEntry> All { get; } =
    [
        new(Mutant.NoResetAtDestroy, "no-reset-at-destroy", "destroy does not reset the lock or count that a range still holds", "2.6", "",
            [Invariants.TeardownProgress], "destroy-in-range", "teardown"),
        new(Mutant.CountAfterWalk, "count-after-walk", "range_start counts itself after the walk: memslots may change in between", "m2", "",
            [Invariants.SameSlots, Invariants.Balance], "memslot-vs-notifier", "slot-storm"),
        new(Mutant.CountDroppedBeforeWalk, "count-dropped-before-walk", "range_end drops the count before its walk", "m3", "",
            [Invariants.SameSlots, Invariants.Balance], "memslot-vs-notifier", "slot-storm"),
        new(Mutant.NoRetryCheck, "no-retry-check", "the fault installs without the locked retry check", "2.7 I2, I3", "",
            [Invariants.NoInstallUnderInvalidation, Invariants.NoStaleTranslation, Invariants.GfnFidelity, Invariants.Permission],
            "fault-vs-invalidate", "fault-storm"),
        new(Mutant.NoTlbFlush, "no-tlb-flush", "range_start zaps but does not flush the vCPUs' TLBs", "S5", "",
            [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation], "page-reuse", "default"),
        new(
            Mutant.KsmWithoutNotifier, "ksm-without-notifier", "KSM write-protects and replaces pages without start and end", "B2",
            "f268f6cf875f, CVE-2022-48991",
            [Invariants.NotifierCompleteness, Invariants.NoStaleTranslation], "ksm-merge", "default"),
        new(
            Mutant.GetLogWithoutProtect, "get-log-without-protect", "get (or clear) dirty log clears bits without write-protecting", "S6",
            "",
            [Invariants.NoLostDirtyPage, Invariants.FlushBeforeFree], "dirty-log-get", "dirty-log"),
        new(Mutant.DeleteWithoutInvalidPhase, "delete-without-invalid-phase", "memslot delete zaps before the slot is unreachable for "
            + "faults", "m17", "",
            [Invariants.SlotLifetime, Invariants.NoInstallUnderInvalidation], "memslot-delete", "slot-storm"),
        new(Mutant.LogFlushSkipped, "log-flush-skipped", "clearing the dirty log protects but does not flush TLBs", "m12, Q3", "QEMU "
            + "03bfc2188f",
            [Invariants.NoLostDirtyPage, Invariants.FlushBeforeFree], "dirty-log-clear", "dirty-log"),
        new(
            Mutant.SoftwareWriteWithoutMark, "software-write-without-mark", "an emulated write does not mark its page dirty", "B10",
            "910c57dfa4d1, CVE-2024-35804",
            [Invariants.NoLostDirtyPage], "software-write", "dirty-log"),
        new(Mutant.SnapshotAfterLookup, "snapshot-after-lookup", "the fault takes its sequence snapshot after the host lookup", "B7, "
            + "2.7 I4", "",
            [Invariants.NoInstallUnderInvalidation, Invariants.NoStaleTranslation, Invariants.GfnFidelity, Invariants.Permission],
            "fault-vs-invalidate", "fault-storm"),
        new(
            Mutant.EndSkippedAfterEagain, "end-skipped-after-eagain", "after one subscriber's -EAGAIN the others get no end", "B1",
            "c2655835fd8c",
            [Invariants.Balance, Invariants.FaultProgress, Invariants.MemslotUpdateProgress], "non-blockable-range", "oom-reaper"),
        new(Mutant.MarkBeforeFastFault, "mark-before-fast-fault", "the fast page fault marks dirty before its cmpxchg", "3.1", "",
            [Invariants.NoLostDirtyPage], "fast-page-fault", "dirty-log"),
        new(
            Mutant.ReadOnlyMappedWritable, "read-only-mapped-writable", "a read-only host mapping becomes a writable SPTE", "B29",
            "f8be156be163, CVE-2021-22543",
            [Invariants.Permission], "ksm-merge", "default"),
        new(
            Mutant.PublishOutsideLock, "publish-outside-lock", "the memslot set is published after mn_invalidate_lock was dropped", "m1",
            "",
            [Invariants.SameSlots, Invariants.Balance], "memslot-vs-notifier", "slot-storm"),
        new(Mutant.RingResetWithoutProtect, "ring-reset-without-protect", "dirty-ring reset acknowledges entries without re-protecting "
            + "them", "B15", "",
            [Invariants.RingFidelity, Invariants.NoLostDirtyPage], "dirty-ring", "dirty-ring"),
        new(
            Mutant.HullResetAtAnyEnd, "hull-reset-at-any-end", "an end that leaves another range in progress forgets the hull of both",
            "2.7 I8", "",
            [Invariants.NoInstallUnderInvalidation], "overlapping-ranges"),
        new(Mutant.HullAddedAfterYield, "hull-added-after-yield", "range_start adds to the hull after the zap, "
            + "which may have yielded mmu_lock", "2.7 I6", "",
            [Invariants.NoInstallUnderInvalidation], "yielding-zap", Protocol: "gfn-range"),
        new(Mutant.ResetBeforeUnregister, "reset-before-unregister", "destroy resets mn_active_invalidate_count before it unregisters: "
            + "ends still come", "m6", "",
            [Invariants.Balance, Invariants.TeardownProgress], "destroy-in-range"),
        new(
            Mutant.WakeWithoutRecheck, "wake-without-recheck", "a woken memslot update publishes without looking at the count again", "m7",
            "",
            [Invariants.SameSlots, Invariants.Balance], "memslot-vs-notifier"),
        new(
            Mutant.DeleteWithoutSrcuSync, "delete-without-srcu-sync", "a memslot update does not wait for the readers of the old memslots",
            "B5", "11362b1befea",
            [Invariants.SlotLifetime], "memslot-delete"),
        new(
            Mutant.WalkWithoutSrcu, "walk-without-srcu", "the ageing notifier walks the memslots outside of kvm->srcu", "B35",
            "b59a87c1ba3c",
            [Invariants.SlotLifetime], "delete-vs-host", Protocol: "unconditional"),
        new(
            Mutant.InvalidSlotTakenAsMmio, "invalid-slot-taken-as-mmio", "a fault on an INVALID memslot leaves to user space as MMIO",
            "B4", "e0c378684b65",
            [Invariants.SlotLifetime], "memslot-delete"),
        new(Mutant.ChangePteMapsInvalidSlot, "change-pte-maps-invalid-slot", "change_pte of arm64 maps a KSM page in a memslot that is "
            + "being deleted", "B6", "2230f9e1171a",
            [Invariants.SlotLifetime], "delete-vs-merge"),
        new(
            Mutant.UnmapSkipsInvalidSlot, "unmap-skips-invalid-slot", "range_start skips what a memslot delete is about to zap", "B3",
            "d62007edf01f",
            [Invariants.NoStaleTranslation], "delete-vs-host", Protocol: "unconditional"),
        new(
            Mutant.ZapAfterSecondSwap, "zap-after-second-swap", "the SPTEs of a deleted memslot are zapped after it has gone", "B39",
            "0df9dab891ff",
            [Invariants.SlotLifetime, Invariants.NoStaleTranslation], "memslot-delete"),
        new(
            Mutant.RetryInsideSrcu, "retry-inside-srcu", "a fault on an INVALID memslot retries in the kernel, inside its SRCU section",
            "B43", "",
            [Invariants.MemslotUpdateProgress], "memslot-delete"),
        new(Mutant.ReleaseNotSerialised, "release-not-serialised", "two releases at once free the same page table", "B38", "",
            [Invariants.Teardown], "destroy-both-paths"),
        new(Mutant.RangeTooNarrow, "range-too-narrow", "munmap announces one page of the many that go", "B36", "CVE-2021-4002",
            [Invariants.NotifierCompleteness, Invariants.NoStaleTranslation], "neighbouring-pages"),
        new(Mutant.FlushOfAnEmptyRange, "flush-of-an-empty-range", "the TLB flush is asked for an empty range", "B37", "f7edb07ad7c6",
            [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation], "page-reuse"),
        new(
            Mutant.PfnAssumedContiguous, "pfn-assumed-contiguous", "a frame number is computed from the page before instead of looked up",
            "B28", "2a8859f373b0, CVE-2022-1158",
            [Invariants.GfnFidelity, Invariants.NoStaleTranslation], "neighbouring-pages"),
        new(Mutant.ReadOnlyLeftMmuWritable, "read-only-left-mmu-writable", "a read-only mapping keeps MMU-writable set, "
            + "and a fast page fault makes it writable", "B47", "7c8a4742c4ab",
            [Invariants.Permission], "neighbouring-pages"),
        new(Mutant.ZapYieldDropsFlush, "zap-yield-drops-flush", "a zap that yields mmu_lock forgets the flush that is pending", "S5", "",
            [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation], "yielding-zap"),
        new(Mutant.ProtectBeforeXchg, "protect-before-xchg", "get dirty log write-protects first and takes the bits then", "m10", "",
            [Invariants.NoLostDirtyPage], "dirty-log-get"),
        new(Mutant.CopyBeforeClear, "copy-before-clear", "user space reads a page first and clears its dirty bit then", "m11", "",
            [Invariants.NoLostDirtyPage], "dirty-log-clear", "migration-faults"),
        new(
            Mutant.FinalSyncBeforeVcpusLeft, "final-sync-before-vcpus-left", "the final sync comes before the vCPUs have left KVM_RUN",
            "m13", "",
            [Invariants.NoLostDirtyPage], "final-sync", "migration-faults"),
        new(Mutant.SoftwareWriteMarksWrongPage, "software-write-marks-wrong-page", "a write of KVM's own marks another page of its "
            + "memslot dirty", "B17", "",
            [Invariants.NoLostDirtyPage], "software-write"),
        new(Mutant.RingEntryConsumedUnharvested, "ring-entry-consumed-unharvested", "dirty-ring reset takes entries that user space has "
            + "not harvested", "B12", "8929bc965964",
            [Invariants.RingFidelity, Invariants.NoLostDirtyPage], "dirty-ring"),
        new(
            Mutant.RingFullExitForgotten, "ring-full-exit-forgotten", "a vCPU whose dirty ring is soft-full enters the guest all the same",
            "4.5", "",
            [Invariants.RingFidelity], "dirty-ring-overflow"),
        new(Mutant.AllSetClearDoesNotProtect, "all-set-clear-does-not-protect", "with an initially-all-set log clear does not protect, "
            + "as if enabling had", "4.4", "",
            [Invariants.NoLostDirtyPage, Invariants.FlushBeforeFree], "initially-all-set", "migration-faults"),
        new(Mutant.EnableProtectsBeforePublish, "enable-protects-before-publish", "enabling write-protects before faults can see that "
            + "the memslot logs", "4.2", "",
            [Invariants.NoLostDirtyPage], "dirty-log-enable"),
        new(
            Mutant.NonAtomicSpteUpdate, "non-atomic-spte-update", "ageing without mmu_lock writes an SPTE back over a write-protection",
            "B22", "",
            [Invariants.NoLostDirtyPage], "ageing-vs-logging", Protocol: "gfn-range"),
        new(Mutant.BitmapFreedWithSlotInUse, "bitmap-freed-with-slot-in-use", "disabling frees the dirty bitmap while faults still use "
            + "the memslot that has it", "5", "",
            [Invariants.SlotLifetime], "dirty-log-enable"),
        new(Mutant.AccessTrackingWithoutFlush, "access-tracking-without-flush", "enabling flushes only if it found a writable SPTE: "
            + "ageing may have hidden one", "B9", "b64d740ea7dd",
            [Invariants.NoLostDirtyPage], "ageing-without-accessed-bits"),
        new(Mutant.RingOffsetUnchecked, "ring-offset-unchecked", "a ring entry's offset, rewritten by user space, "
            + "wraps past the bounds check of the reset", "B13", "577a8d3bae05, CVE-2026-52969",
            [Invariants.RingFidelity], "dirty-ring-tampered"),
        new(
            Mutant.RingResetUnbounded, "ring-reset-unbounded", "a ring reset goes on as long as user space arms entries again", "B14",
            "530a8ba71b4c",
            [Invariants.MigrationProgress], "dirty-ring-tampered"),
        new(Mutant.RingMarkWithoutVcpu, "ring-mark-without-vcpu", "with rings, the dirty mark of a write without a running vCPU goes "
            + "nowhere", "B16", "CVE-2021-4095",
            [Invariants.NoLostDirtyPage], "write-without-vcpu"),
        new(Mutant.FinalSyncLosesPage, "final-sync-loses-page", "the final sync of a migration loses a dirty bit", "S6", "",
            [Invariants.NoLostDirtyPage, Invariants.SameMemory], "migration-precopy", "migration"),
        new(
            Mutant.NoRoundBarrier, "no-round-barrier", "rounds of a multifd migration overlap: an old copy of a page overtakes a new one",
            "m15", "",
            [Invariants.NoLostDirtyPage, Invariants.SameMemory, Invariants.GuestMemory], "migration-channels", "migration-faults"),
        new(Mutant.LatePageInPostcopy, "late-page-in-postcopy", "a page of pre-copy arrives in post-copy and is taken", "8", "",
            [Invariants.NoLostDirtyPage, Invariants.SameMemory, Invariants.GuestMemory], "migration-postcopy", "migration-faults"),
        new(Mutant.CancelKeepsThrottle, "cancel-keeps-throttle", "a cancelled migration leaves its throttle on the vCPUs", "8", "",
            [Invariants.SourceRestored], "migration-cancel", "migration-faults"),
        new(Mutant.BothRunAfterFailedHandOver, "both-run-after-failed-hand-over", "the source runs on when the answer to the hand-over "
            + "is lost", "8", "",
            [Invariants.OneOwner], "migration-hand-over", "migration-faults"),
        new(Mutant.NotResumedAfterHandOver, "not-resumed-after-hand-over", "a source that gets the VM back after a failed hand-over does "
            + "not resume its vCPUs", "8", "",
            [Invariants.RunsSomewhere], "migration-destination-dies"),
    ];

    /// <summary>What results print when no defect is switched on.</summary>
    public const string None = "none";

    public static string NameOf(Mutant mutant) => mutant == Mutant.None ? None : All.First(entry => entry.Id == mutant).Name;

    /// <summary>Finds a mutant by its name; null when there is none.</summary>
    public static MutantEntry? Find(string name) => All.FirstOrDefault(entry => entry.Name == name);
}

/// <summary>
/// One mutant as data. <paramref name="Bug"/> is its number in the project's notes on the protocol (B published bug, m design mistake, Q
/// QEMU) or the section that it comes from, <paramref name="Reference"/> the kernel's commit or CVE, empty where there is none. It must be
/// caught by one of <paramref name="CaughtBy"/>, in the explorer in <paramref name="Scenario"/> under <paramref name="Protocol"/>, and on
/// the cluster in <paramref name="Campaign"/>, a file of campaigns/; null where only the explorer can bring it about.
/// </summary>
public sealed record MutantEntry(
    Mutant Id, string Name, string Story, string Bug, string Reference, IReadOnlyList<string> CaughtBy, string Scenario,
    string? Campaign = null,
    string Protocol = "active-count");
