namespace Livebed.Kvm.Checks;

/// <summary>The defects of KVM and of its host that can be switched on, with the invariants that must catch each and the scenario in which
/// they do.</summary>
public sealed partial record Mutant
{
    public static readonly Mutant NoResetAtDestroy = new(
        "destroy does not reset the lock or count that a range still holds", "2.6", "", [Invariants.TeardownProgress],
        "destroy-in-range", "teardown");

    public static readonly Mutant CountAfterWalk = new(
        "range_start counts itself after the walk: memslots may change in between", "m2", "", [Invariants.SameSlots, Invariants.Balance],
        "memslot-vs-notifier", "slot-storm");

    public static readonly Mutant CountDroppedBeforeWalk = new(
        "range_end drops the count before its walk", "m3", "", [Invariants.SameSlots, Invariants.Balance], "memslot-vs-notifier",
        "slot-storm");

    public static readonly Mutant NoRetryCheck = new(
        "the fault installs without the locked retry check", "2.7 I2, I3", "",
        [Invariants.NoInstallUnderInvalidation, Invariants.NoStaleTranslation, Invariants.GfnFidelity, Invariants.Permission],
        "fault-vs-invalidate", "fault-storm");

    public static readonly Mutant NoTlbFlush = new(
        "range_start zaps but does not flush the vCPUs' TLBs", "S5", "", [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation],
        "page-reuse", "default");

    public static readonly Mutant KsmWithoutNotifier = new(
        "KSM write-protects and replaces pages without start and end", "B2", "f268f6cf875f, CVE-2022-48991",
        [Invariants.NotifierCompleteness, Invariants.NoStaleTranslation], "ksm-merge", "default");

    public static readonly Mutant GetLogWithoutProtect = new(
        "get (or clear) dirty log clears bits without write-protecting", "S6", "",
        [Invariants.NoLostDirtyPage, Invariants.FlushBeforeFree], "dirty-log-get", "dirty-log");

    public static readonly Mutant DeleteWithoutInvalidPhase = new(
        "memslot delete zaps before the slot is unreachable for faults", "m17", "",
        [Invariants.SlotLifetime, Invariants.NoInstallUnderInvalidation], "memslot-delete", "slot-storm");

    public static readonly Mutant LogFlushSkipped = new(
        "clearing the dirty log protects but does not flush TLBs", "m12, Q3", "QEMU 03bfc2188f",
        [Invariants.NoLostDirtyPage, Invariants.FlushBeforeFree], "dirty-log-clear", "dirty-log");

    public static readonly Mutant SoftwareWriteWithoutMark = new(
        "an emulated write does not mark its page dirty", "B10", "910c57dfa4d1, CVE-2024-35804", [Invariants.NoLostDirtyPage],
        "software-write", "dirty-log");

    public static readonly Mutant SnapshotAfterLookup = new(
        "the fault takes its sequence snapshot after the host lookup", "B7, 2.7 I4", "",
        [Invariants.NoInstallUnderInvalidation, Invariants.NoStaleTranslation, Invariants.GfnFidelity, Invariants.Permission],
        "fault-vs-invalidate", "fault-storm");

    public static readonly Mutant EndSkippedAfterEagain = new(
        "after one subscriber's -EAGAIN the others get no end", "B1", "c2655835fd8c",
        [Invariants.Balance, Invariants.FaultProgress, Invariants.MemslotUpdateProgress], "non-blockable-range", "oom-reaper");

    public static readonly Mutant MarkBeforeFastFault = new(
        "the fast page fault marks dirty before its cmpxchg", "3.1", "", [Invariants.NoLostDirtyPage], "fast-page-fault", "dirty-log");

    public static readonly Mutant ReadOnlyMappedWritable = new(
        "a read-only host mapping becomes a writable SPTE", "B29", "f8be156be163, CVE-2021-22543", [Invariants.Permission], "ksm-merge",
        "default");

    public static readonly Mutant PublishOutsideLock = new(
        "the memslot set is published after mn_invalidate_lock was dropped", "m1", "", [Invariants.SameSlots, Invariants.Balance],
        "memslot-vs-notifier", "slot-storm");

    public static readonly Mutant RingResetWithoutProtect = new(
        "dirty-ring reset acknowledges entries without re-protecting them", "B15", "",
        [Invariants.RingFidelity, Invariants.NoLostDirtyPage], "dirty-ring", "dirty-ring");

    public static readonly Mutant HullResetAtAnyEnd = new(
        "an end that leaves another range in progress forgets the hull of both", "2.7 I8", "", [Invariants.NoInstallUnderInvalidation],
        "overlapping-ranges");

    public static readonly Mutant HullAddedAfterYield = new(
        "range_start adds to the hull after the zap, which may have yielded mmu_lock", "2.7 I6", "",
        [Invariants.NoInstallUnderInvalidation], "yielding-zap", protocol: "gfn-range");

    public static readonly Mutant ResetBeforeUnregister = new(
        "destroy resets mn_active_invalidate_count before it unregisters: ends still come", "m6", "",
        [Invariants.Balance, Invariants.TeardownProgress], "destroy-in-range");

    public static readonly Mutant WakeWithoutRecheck = new(
        "a woken memslot update publishes without looking at the count again", "m7", "", [Invariants.SameSlots, Invariants.Balance],
        "memslot-vs-notifier");

    public static readonly Mutant DeleteWithoutSrcuSync = new(
        "a memslot update does not wait for the readers of the old memslots", "B5", "11362b1befea", [Invariants.SlotLifetime],
        "memslot-delete");

    public static readonly Mutant WalkWithoutSrcu = new(
        "the ageing notifier walks the memslots outside of kvm->srcu", "B35", "b59a87c1ba3c", [Invariants.SlotLifetime],
        "delete-vs-host", protocol: "unconditional");

    public static readonly Mutant InvalidSlotTakenAsMmio = new(
        "a fault on an INVALID memslot leaves to user space as MMIO", "B4", "e0c378684b65", [Invariants.SlotLifetime], "memslot-delete");

    public static readonly Mutant ChangePteMapsInvalidSlot = new(
        "change_pte of arm64 maps a KSM page in a memslot that is being deleted", "B6", "2230f9e1171a", [Invariants.SlotLifetime],
        "delete-vs-merge");

    public static readonly Mutant UnmapSkipsInvalidSlot = new(
        "range_start skips what a memslot delete is about to zap", "B3", "d62007edf01f", [Invariants.NoStaleTranslation],
        "delete-vs-host", protocol: "unconditional");

    public static readonly Mutant ZapAfterSecondSwap = new(
        "the SPTEs of a deleted memslot are zapped after it has gone", "B39", "0df9dab891ff",
        [Invariants.SlotLifetime, Invariants.NoStaleTranslation], "memslot-delete");

    public static readonly Mutant RetryInsideSrcu = new(
        "a fault on an INVALID memslot retries in the kernel, inside its SRCU section", "B43", "", [Invariants.MemslotUpdateProgress],
        "memslot-delete");

    public static readonly Mutant ReleaseNotSerialised = new(
        "two releases at once free the same page table", "B38", "", [Invariants.Teardown], "destroy-both-paths");

    public static readonly Mutant RangeTooNarrow = new(
        "munmap announces one page of the many that go", "B36", "CVE-2021-4002",
        [Invariants.NotifierCompleteness, Invariants.NoStaleTranslation], "neighbouring-pages");

    public static readonly Mutant FlushOfAnEmptyRange = new(
        "the TLB flush is asked for an empty range", "B37", "f7edb07ad7c6", [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation],
        "page-reuse");

    public static readonly Mutant PfnAssumedContiguous = new(
        "a frame number is computed from the page before instead of looked up", "B28", "2a8859f373b0, CVE-2022-1158",
        [Invariants.GfnFidelity, Invariants.NoStaleTranslation], "neighbouring-pages");

    public static readonly Mutant ReadOnlyLeftMmuWritable = new(
        "a read-only mapping keeps MMU-writable set, and a fast page fault makes it writable", "B47", "7c8a4742c4ab",
        [Invariants.Permission], "neighbouring-pages");

    public static readonly Mutant ZapYieldDropsFlush = new(
        "a zap that yields mmu_lock forgets the flush that is pending", "S5", "",
        [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation], "yielding-zap");

    public static readonly Mutant ProtectBeforeXchg = new(
        "get dirty log write-protects first and takes the bits then", "m10", "", [Invariants.NoLostDirtyPage], "dirty-log-get");

    public static readonly Mutant CopyBeforeClear = new(
        "user space reads a page first and clears its dirty bit then", "m11", "", [Invariants.NoLostDirtyPage], "dirty-log-clear",
        "migration-faults");

    public static readonly Mutant FinalSyncBeforeVcpusLeft = new(
        "the final sync comes before the vCPUs have left KVM_RUN", "m13", "", [Invariants.NoLostDirtyPage], "final-sync",
        "migration-faults");

    public static readonly Mutant SoftwareWriteMarksWrongPage = new(
        "a write of KVM's own marks another page of its memslot dirty", "B17", "", [Invariants.NoLostDirtyPage], "software-write");

    public static readonly Mutant RingEntryConsumedUnharvested = new(
        "dirty-ring reset takes entries that user space has not harvested", "B12", "8929bc965964",
        [Invariants.RingFidelity, Invariants.NoLostDirtyPage], "dirty-ring");

    public static readonly Mutant RingFullExitForgotten = new(
        "a vCPU whose dirty ring is soft-full enters the guest all the same", "4.5", "", [Invariants.RingFidelity],
        "dirty-ring-overflow");

    public static readonly Mutant AllSetClearDoesNotProtect = new(
        "with an initially-all-set log clear does not protect, as if enabling had", "4.4", "",
        [Invariants.NoLostDirtyPage, Invariants.FlushBeforeFree], "initially-all-set", "migration-faults");

    public static readonly Mutant EnableProtectsBeforePublish = new(
        "enabling write-protects before faults can see that the memslot logs", "4.2", "", [Invariants.NoLostDirtyPage],
        "dirty-log-enable");

    public static readonly Mutant NonAtomicSpteUpdate = new(
        "ageing without mmu_lock writes an SPTE back over a write-protection", "B22", "", [Invariants.NoLostDirtyPage],
        "ageing-vs-logging", protocol: "gfn-range");

    public static readonly Mutant BitmapFreedWithSlotInUse = new(
        "disabling frees the dirty bitmap while faults still use the memslot that has it", "5", "", [Invariants.SlotLifetime],
        "dirty-log-enable");

    public static readonly Mutant AccessTrackingWithoutFlush = new(
        "enabling flushes only if it found a writable SPTE: ageing may have hidden one", "B9", "b64d740ea7dd",
        [Invariants.NoLostDirtyPage], "ageing-without-accessed-bits");

    public static readonly Mutant RingOffsetUnchecked = new(
        "a ring entry's offset, rewritten by user space, wraps past the bounds check of the reset", "B13",
        "577a8d3bae05, CVE-2026-52969", [Invariants.RingFidelity], "dirty-ring-tampered");

    public static readonly Mutant RingResetUnbounded = new(
        "a ring reset goes on as long as user space arms entries again", "B14", "530a8ba71b4c", [Invariants.MigrationProgress],
        "dirty-ring-tampered");

    public static readonly Mutant RingMarkWithoutVcpu = new(
        "with rings, the dirty mark of a write without a running vCPU goes nowhere", "B16", "CVE-2021-4095",
        [Invariants.NoLostDirtyPage], "write-without-vcpu");

    public static readonly Mutant SequenceInSignedWord = new(
        "the fault keeps its sequence in a signed word: from 2^31 on it retries for ever", "3", "", [Invariants.FaultProgress],
        "fault-vs-invalidate");

    public static readonly Mutant SharedPageReused = new(
        "a write fault makes the PTE writable where the page is, although others map it too", "6.1", "", [Invariants.SharedPage],
        "fork-child");

    public static readonly Mutant ForkLeavesWritable = new(
        "fork shares a page with its child and leaves the parent's PTE writable", "6.1", "", [Invariants.SharedPage], "fork-child");

    public static readonly Mutant LookupMissesLastPage = new(
        "the search for a gfn's memslot ends a page too early", "1.3", "", [Invariants.GfnFidelity], "neighbouring-pages");

    public static readonly Mutant ZapYieldForgetsMemslotBefore = new(
        "a zap that yields mmu_lock in one memslot forgets the flush that it owes for the one before", "S5", "",
        [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation], "yield-across-memslots");

    public static readonly Mutant CopyFailureKeepsReference = new(
        "a write that must copy a page and finds no frame keeps its reference on the page", "S11", "", [Invariants.Teardown],
        "copy-without-frame");

    public static readonly Mutant KeptPagesPutTwice = new(
        "pages that a fault's call to the host gives back stay in the list of the next call", "2.7 I10", "", [Invariants.Teardown],
        "kept-pages");

    public static readonly Mutant FailedFaultKeepsPages = new(
        "a fault that gets no page ends as the last one and does not give back what others have kept", "2.7 I10", "",
        [Invariants.Teardown], "kept-pages");

    public static readonly Mutant RingToldBeforeReset = new(
        "a ring's entries are told to the migration before the reset has protected their pages", "S6", "", [Invariants.NoLostDirtyPage],
        "dirty-ring-in-round");

    public static readonly Mutant RefusedUpdateKeepsReference = new(
        "a memslot update that is refused keeps its reference on the VM", "5", "", [Invariants.TeardownProgress], "ranges-across-memslots");

    public static readonly Mutant ReapStopsEarly = new(
        "a reap harvests 16 entries of the dirty rings and no more, also the one of the final sync", "4.3", "",
        [Invariants.NoLostDirtyPage], "dirty-ring-long");

    public static readonly Mutant PauseNotAwaited = new(
        "a pause asks vCPUs to leave KVM_RUN and does not wait until they have", "m13", "", [Invariants.NoLostDirtyPage], "final-sync");

    public static readonly Mutant BitmapFreedBeforeGrace = new(
        "the dirty bitmap of a memslot that is deleted is freed before the faults that have found the memslot have marked their pages",
        "4.2", "", [Invariants.SlotLifetime], "lookup-vs-update");

    public static readonly Mutant FlushSkipsPausing = new(
        "a TLB flush does not wait for a vCPU that is asked to pause, and may still be in the guest", "S5", "",
        [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation], "flush-vs-pause");

    public static readonly Mutant FailedWriteKeepsClaim = new(
        "a write of KVM's own that fails keeps its claim on a ring entry", "4.5", "",
        [Invariants.MigrationProgress, Invariants.FaultProgress],
        "dirty-ring-claims");

    public static readonly Mutant RingClaimsNotCounted = new(
        "claims of KVM's own writes on a ring's entries do not count for its soft limit", "4.5", "", [Invariants.RingFidelity],
        "dirty-ring-claims");

    public static readonly Mutant RingResetMixesMemslots = new(
        "a ring reset gathers pages of a memslot with those of an earlier one that had its id", "4.3", "",
        [Invariants.RingFidelity, Invariants.NoLostDirtyPage], "dirty-ring-replaced-memslot");

    public static readonly Mutant TlbTakesAccessTracked = new(
        "the hardware takes a neighbour into its TLB that ageing has taken out of its sight", "1.4", "", [Invariants.NoStaleTranslation],
        "ageing-without-accessed-bits");

    public static readonly Mutant MoveFreesBitmap = new(
        "a memslot's move frees the dirty bitmap that the moved memslot keeps", "5", "", [Invariants.SlotLifetime], "lookup-vs-update");

    public static readonly Mutant MoveDropsBitmap = new(
        "a memslot's move drops the dirty bits that it has to keep", "5", "", [Invariants.NoLostDirtyPage], "move-keeps-log");

    public static readonly Mutant OverlapMissesLastPage = new(
        "the search for memslots that a new one overlaps ends a page too early", "4", "", [Invariants.MemslotsAsAsked],
        "ranges-across-memslots");

    public static readonly Mutant AccessTrackingRestoresWrite = new(
        "a read of a page that was aged makes its SPTE writable again, and marks nothing", "1.4", "", [Invariants.NoLostDirtyPage],
        "ageing-without-accessed-bits");

    public static readonly Mutant SwappedBeforeUnmapped = new(
        "reclaim writes a page to swap before it has taken the mapping away", "6.1", "", [Invariants.GuestMemory], "software-write");

    public static readonly Mutant PinsNotCounted = new(
        "reclaim, compaction and KSM take a page on which a device has a reference", "2.7 I10", "", [Invariants.GuestMemory],
        "pinned-page");

    public static readonly Mutant PublishForgottenAfterSleep = new(
        "a memslot update that had to sleep returns without publishing", "4", "", [Invariants.Contract], "memslot-vs-notifier");

    public static readonly Mutant PublishRepeatedAfterSleep = new(
        "a memslot update that had to sleep publishes twice", "4", "", [Invariants.Contract], "memslot-vs-notifier");

    public static readonly Mutant MoveInOneSet = new(
        "a moved memslot keeps its place in the set that the next update publishes", "4.1", "", [Invariants.MemslotsAsAsked],
        "memslot-move");

    public static readonly Mutant DisableKeepsFlag = new(
        "disabling dirty logging frees the bitmap and leaves the memslot's flag set", "5", "", [Invariants.MemslotsAsAsked],
        "dirty-log-enable");

    public static readonly Mutant AgeingKeepsRmapLock = new(
        "ageing returns with the rmap lock held", "1.2", "", [Invariants.Teardown], "ageing-vs-logging");

    public static readonly Mutant PreparesAfterUnlock = new(
        "a memslot update prepares to sleep only after it has dropped mn_invalidate_lock: a wake-up in between is lost", "m7", "",
        [Invariants.MemslotUpdateProgress, Invariants.FaultProgress], "memslot-vs-notifier");

    public static readonly Mutant NumaHintsNothing = new(
        "NUMA balancing announces its range, takes no permission away and says that it has", "6.1", "", [Invariants.Effect],
        "events-take-effect");

    public static readonly Mutant GetKeepsBits = new(
        "get dirty log reports its bits and leaves them set", "4.2", "", [Invariants.Effect], "log-takes-effect");

    public static readonly Mutant CreatedLogBeginsClean = new(
        "a memslot that is created with its log on begins clean under KVM_DIRTY_LOG_INITIALLY_SET", "4.2", "", [Invariants.Effect],
        "created-log-takes-effect");

    public static readonly Mutant SwapsPinnedPage = new(
        "reclaim leaves a page alone only if it is both held and shared: it swaps out one on which a device has a reference", "2.7 I10",
        "", [Invariants.GuestMemory], "pinned-page");

    public static readonly Mutant HullOfNewestRange = new(
        "the hull is that of the newest range alone, though others are in progress", "2.7 I5", "",
        [Invariants.NoInstallUnderInvalidation, Invariants.NoStaleTranslation], "overlapping-ranges", protocol: "hva-range");

    public static readonly Mutant ZapsWholeMemslot = new(
        "a range zaps all of each memslot that it overlaps", "2.1", "", [Invariants.Effect], "events-take-effect",
        protocol: "hva-range");

    public static readonly Mutant LastAccessNotMade = new(
        "the last access of each batch of a vCPU counts as made, and memory does not see it", "1.4", "", [Invariants.Effect],
        "fault-vs-invalidate");
}
