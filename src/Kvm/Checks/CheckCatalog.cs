namespace Livebed.Kvm.Checks;

/// <summary>
/// Ids of the invariants; S1 to S12 and the L numbers are those of kvm-protocol section 9.1. This file is the catalogue of checks: the
/// ids, the sentence of each, and the defects (<see cref="Mutant"/>) that show that each is looked at.
/// </summary>
public static class Invariants
{
    public const string NoStaleTranslation = "S1";
    public const string NoInstallUnderInvalidation = "S2";
    public const string Balance = "S3";
    public const string SameSlots = "S4";
    public const string FlushBeforeFree = "S5";
    public const string NoLostDirtyPage = "S6";
    public const string RingFidelity = "S7";
    public const string SlotLifetime = "S8";
    public const string GfnFidelity = "S9";
    public const string NotifierCompleteness = "S10";
    public const string Teardown = "S11";
    public const string Permission = "S12";
    public const string SharedPage = "S13";
    public const string FaultProgress = "L1";
    public const string MemslotUpdateProgress = "L2";
    public const string TeardownProgress = "L3";
    public const string InvalidationProgress = "L4";
    public const string MigrationProgress = "L5";

    /// <summary>The guest-memory oracle.</summary>
    public const string GuestMemory = "memory";

    /// <summary>A migrated VM's memory equals the source's at switchover, page by page.</summary>
    public const string SameMemory = "M1";

    /// <summary>A VM runs on one host at most.</summary>
    public const string OneOwner = "M2";

    /// <summary>A migration that was given up leaves no trace at the source; one that completed leaves nothing of the VM there.</summary>
    public const string SourceRestored = "M3";

    /// <summary>A guest that migrates stands still no longer than its migration says, and runs somewhere when that is over.</summary>
    public const string RunsSomewhere = "M4";

    /// <summary>A migration does what it was asked for, and says how it ended.</summary>
    public const string AsOrdered = "M5";

    /// <summary>What is said to be done is done.</summary>
    public const string Effect = "effect";

    /// <summary>What a VM may expect of its protocol.</summary>
    public const string Contract = "contract";

    /// <summary>Both memslot sets say what user space has asked for.</summary>
    public const string MemslotsAsAsked = "memslots";

    public const string Deadlock = "deadlock";
    public const string AtomicSleep = "atomic-sleep";
}

/// <summary>The invariants of kvm-protocol section 9.1 and the model's own, by id; `livebed list checks` prints this table.</summary>
public static class InvariantCatalog
{
    public static IReadOnlyDictionary<string, string> All { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        [Invariants.NoStaleTranslation] =
            "no stale SPTE or TLB entry: a guest access never reaches a page that its address space no longer maps there",
        [Invariants.NoInstallUnderInvalidation] =
            "no SPTE is created between start and end of a range that covers it, nor from a lookup before an end",
        [Invariants.Balance] =
            "every start has its end; in_progress and mn_active_invalidate_count never fall below 0 and are 0 when the mm is quiet",
        [Invariants.SameSlots] = "the memslots that range_start saw are the memslots that its range_end sees (protocols that elide)",
        [Invariants.FlushBeforeFree] =
            "a zap or write-protection is flushed from every TLB before its caller may free pages or user space reads the log",
        [Invariants.NoLostDirtyPage] = "a page that was written since it was last copied is in the dirty log",
        [Invariants.RingFidelity] =
            "dirty ring entries are in order, never overwritten, and re-protected before their reset is acknowledged",
        [Invariants.SlotLifetime] = "no SPTE refers to a deleted memslot; an INVALID memslot gets no new SPTE",
        [Invariants.GfnFidelity] = "the SPTE at a gfn maps the page that its memslot gives for that gfn",
        [Invariants.NotifierCompleteness] = "every PTE change that unmaps, repoints or downgrades lies inside a range that covers it",
        [Invariants.Teardown] = "after unregister no callback runs and nothing is left: frames, subscriptions, activations, held locks",
        [Invariants.Permission] = "a writable SPTE implies a writable host PTE and a writable memslot",
        [Invariants.SharedPage] =
            "no PTE is writable on a frame that others see too, and a child of fork keeps the content that it was born with",
        [Invariants.GuestMemory] = "a guest read returns the newest value written to the page",
        [Invariants.FaultProgress] = "a guest fault with finitely many invalidations completes",
        [Invariants.MemslotUpdateProgress] = "a memslot update completes",
        [Invariants.TeardownProgress] = "unregister and destroy complete",
        [Invariants.InvalidationProgress] = "an invalidation completes although vCPUs fault continuously",
        [Invariants.MigrationProgress] =
            "a ring-full vCPU resumes after reset; migration with a bounded dirty rate converges; post-copy pauses for a broken link only",
        [Invariants.SameMemory] =
            "a migrated VM's memory equals the source's at switchover, page by page, and its vCPUs go on where they stopped",
        [Invariants.OneOwner] = "a VM runs on one host at most, under an epoch that the inventory granted",
        [Invariants.SourceRestored] =
            "after a migration was given up the source runs as before; after one that completed nothing of the VM is left there",
        [Invariants.RunsSomewhere] =
            "a guest that migrates stands still no longer than its migration says, and when that is over it runs on a host, "
                + "unless it was reported lost or its machine died",
        [Invariants.AsOrdered] =
            "a migration keeps to its parameters (bandwidth, limits, rounds, throttle), and a status says how it ended when it is over",
        [Invariants.Effect] = "an operation that says that it is done has done all of it, and nothing else",
        [Invariants.Contract] =
            "a protocol publishes each memslot update exactly once and before it returns, is reset once, and returns from every call",
        [Invariants.MemslotsAsAsked] =
            "when a memslot update is over, both memslot sets have the slots that user space asked for, and none overlaps",
        [Invariants.Deadlock] = "no cycle of operations each waiting for a lock that the next one holds",
        [Invariants.AtomicSleep] = "no operation sleeps while it holds a spin lock or mmu_lock",
    };
}

/// <summary>Every defect that can be switched on, with the invariants that must catch it and the scenario in which they do.</summary>
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

    public static readonly Mutant DeviceWriteWithoutMark = new(
        "a device of user space writes guest memory and marks nothing", "8", "cloud-hypervisor 2458",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory], "migration-device-writes", "migration-faults");

    public static readonly Mutant DeviceWriteMarksWrongAddress = new(
        "a device behind an IOMMU marks its own address of the page that it wrote, and not the guest's", "8", "cc5e71075947",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory], "migration-device-writes", "migration-faults");

    public static readonly Mutant DeviceWritesAfterFinalSync = new(
        "devices are stopped only when their state is saved, after the final sync", "8", "",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory], "migration-device-writes", "migration-faults");

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

    public static readonly Mutant FinalSyncLosesPage = new(
        "the final sync of a migration loses a dirty bit", "S6", "", [Invariants.NoLostDirtyPage, Invariants.SameMemory],
        "migration-precopy", "migration");

    public static readonly Mutant NoRoundBarrier = new(
        "rounds of a multifd migration overlap: an old copy of a page overtakes a new one", "m15", "",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory, Invariants.GuestMemory], "migration-channels", "migration-faults");

    public static readonly Mutant LatePageInPostcopy = new(
        "a page of pre-copy arrives in post-copy and is taken", "8", "",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory, Invariants.GuestMemory], "migration-postcopy", "migration-faults");

    public static readonly Mutant CancelKeepsThrottle = new(
        "a cancelled migration leaves its throttle on the vCPUs", "8", "", [Invariants.SourceRestored], "migration-cancel",
        "migration-faults");

    public static readonly Mutant BothRunAfterFailedHandOver = new(
        "the source runs on when the answer to the hand-over is lost", "8", "", [Invariants.OneOwner], "migration-hand-over",
        "migration-faults");

    public static readonly Mutant SourceResumesWithoutClaim = new(
        "a source whose hand-over failed looks up the owner instead of claiming the VM: a late take-over makes a second one", "8", "",
        [Invariants.OneOwner], "migration-inventory-twice");

    public static readonly Mutant SourceLetsGoUnanswered = new(
        "a source whose second offer has no answer either gives up its record of the VM: an inventory that begins then knows of none", "8",
        "", [Invariants.RunsSomewhere], "migration-inventory-dies");

    public static readonly Mutant InventoryIgnoresTerms = new(
        "a host takes the answers of an inventory that was replaced", "8", "", [Invariants.OneOwner, Invariants.RunsSomewhere],
        "migration-inventory-twice");

    public static readonly Mutant StaleEpochRunsOn = new(
        "a host whose lease has run out goes on running its guests under an epoch that is over", "8", "", [Invariants.OneOwner],
        "migration-partition");

    public static readonly Mutant InventoryDoesNotWait = new(
        "a new inventory grants VMs before the leases of hosts that it cannot reach have run out", "8", "", [Invariants.OneOwner],
        "migration-partition");

    public static readonly Mutant NeverGivesUp = new(
        "a source in post-copy waits for ever for a link that does not come back", "8", "",
        [Invariants.FaultProgress, Invariants.MigrationProgress], "destroy-while-incoming");

    public static readonly Mutant NoCommandDrain = new(
        "a teardown does not wait for commands that run", "7", "", [Invariants.Teardown], "migration-vs-destroy");

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

    public static readonly Mutant CancelKeepsLogging = new(
        "a migration that was given up leaves dirty logging on", "8", "", [Invariants.SourceRestored], "migration-cancel");

    public static readonly Mutant SourceVcpusRunOnSilently = new(
        "the source's vCPUs run on after the hand-over, and it does not say so", "8", "", [Invariants.OneOwner], "migration-postcopy");

    public static readonly Mutant RetryKeepsOldDirtySet = new(
        "a migration that is tried again sends only what the one before it had still to send", "8", "Firecracker 4545",
        [Invariants.SameMemory, Invariants.NoLostDirtyPage, Invariants.GuestMemory], "migration-retry");

    public static readonly Mutant ClearBeyondGet = new(
        "clearing the log of a batch takes the bits of its neighbours, which get has not reported", "4.4", "QEMU 9f4bf4baa8b8",
        [Invariants.NoLostDirtyPage, Invariants.SameMemory], "migration-precopy");

    public static readonly Mutant ZeroPageNotReceived = new(
        "the destination does not note that a zero page has arrived", "8", "QEMU 249543d0c02d",
        [Invariants.FaultProgress, Invariants.MigrationProgress], "postcopy-vs-host");

    public static readonly Mutant DiscardDuringPostcopy = new(
        "user space discards pages at the destination while post-copy brings them", "8", "QEMU 371ff5a3f04c",
        [Invariants.FaultProgress, Invariants.MigrationProgress, Invariants.GuestMemory], "postcopy-vs-host");

    public static readonly Mutant ZapYieldForgetsMemslotBefore = new(
        "a zap that yields mmu_lock in one memslot forgets the flush that it owes for the one before", "S5", "",
        [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation], "yield-across-memslots");

    public static readonly Mutant CopyFailureKeepsReference = new(
        "a write that must copy a page and finds no frame keeps its reference on the page", "S11", "", [Invariants.Teardown],
        "copy-without-frame");

    public static readonly Mutant RingToldBeforeReset = new(
        "a ring's entries are told to the migration before the reset has protected their pages", "S6", "", [Invariants.NoLostDirtyPage],
        "dirty-ring-in-round");

    public static readonly Mutant RefusedUpdateKeepsReference = new(
        "a memslot update that is refused keeps its reference on the VM", "5", "", [Invariants.TeardownProgress], "ranges-across-memslots");

    public static readonly Mutant FlushSkipsPausing = new(
        "a TLB flush does not wait for a vCPU that is asked to pause, and may still be in the guest", "S5", "",
        [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation], "flush-vs-pause");

    public static readonly Mutant VcpuStateLosesAccess = new(
        "the state of a vCPU that migrates lacks the access that it was about to make", "8", "", [Invariants.SameMemory],
        "migration-precopy");

    public static readonly Mutant HandOverDropsReadOnly = new(
        "a memslot that is read-only is writable after a migration", "8", "", [Invariants.MemslotsAsAsked], "migration-read-only");

    public static readonly Mutant FailedWriteKeepsClaim = new(
        "a write of KVM's own that fails keeps its claim on a ring entry", "4.5", "",
        [Invariants.MigrationProgress, Invariants.FaultProgress],
        "dirty-ring-claims");

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

    public static readonly Mutant DrainForgetsWantedPages = new(
        "the drain before the end of post-copy does not wait for pages that vCPUs have asked for", "8", "",
        [Invariants.MigrationProgress], "postcopy-last-page");

    public static readonly Mutant LastReportWins = new(
        "a new inventory believes the last report of a VM instead of the one with the highest epoch", "8", "",
        [Invariants.OneOwner, Invariants.RunsSomewhere], "migration-inventory-dies");

    public static readonly Mutant NotResumedAfterHandOver = new(
        "a source that gets the VM back after a failed hand-over does not resume its vCPUs", "8", "", [Invariants.RunsSomewhere],
        "migration-destination-dies");

    public static readonly Mutant ResumesUnderOldEpoch = new(
        "a source that gets the VM back after a failed hand-over resumes its vCPUs under the epoch that is over", "8", "",
        [Invariants.OneOwner], "migration-destination-dies");

    public static readonly Mutant DrainWakesOne = new(
        "user space that waits until nothing of a kind is under way wakes one of two that wait", "8", "",
        [Invariants.MigrationProgress, Invariants.FaultProgress], "migration-vs-memslot-at-begin");

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

    public static readonly Mutant EndsWithoutStatus = new(
        "a migration that was cancelled is over, and its status is cancelling still", "8", "", [Invariants.AsOrdered],
        "migration-cancel");

    public static readonly Mutant SecondWaiterAsks = new(
        "not the first vCPU that waits for a page asks the source for it, but the second", "8", "",
        [Invariants.MigrationProgress], "postcopy-wanted-first");

    public static readonly Mutant NumaHintsNothing = new(
        "NUMA balancing announces its range, takes no permission away and says that it has", "6.1", "", [Invariants.Effect],
        "events-take-effect");

    public static readonly Mutant GetKeepsBits = new(
        "get dirty log reports its bits and leaves them set", "4.2", "", [Invariants.Effect], "log-takes-effect");

    public static readonly Mutant ThrottleNeverSleeps = new(
        "a vCPU that is throttled does not sleep", "8", "", [Invariants.Effect, Invariants.FaultProgress], "throttle-takes-effect");

    public static readonly Mutant LinkTwiceAsFast = new(
        "a stream takes half of the time that its bytes need at its bandwidth", "8", "", [Invariants.AsOrdered],
        "migration-bounded-rate");

    public static readonly Mutant DowntimeLimitIgnored = new(
        "a migration stops its guest whatever the downtime will be", "8", "", [Invariants.AsOrdered], "migration-bounded-rate");

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

    public static readonly Mutant SourceKeepsMemory = new(
        "a source destroys the VM that has moved, and its process stays with the memory", "8", "",
        [Invariants.SourceRestored, Invariants.Teardown], "migration-precopy");

    public static readonly Mutant AbandonForgotten = new(
        "a destination that is told to give up while it prepares has forgotten it when it is prepared", "8", "", [Invariants.Teardown],
        "abandon-while-preparing");

    public static readonly Mutant RepeatedCompareCounts = new(
        "a destination that is asked twice to compare a piece of memory counts its pages twice", "8", "",
        [Invariants.MigrationProgress, Invariants.SameMemory, Invariants.GuestMemory], "migration-repeats");

    public static readonly Mutant FullHostPrepares = new(
        "a destination that has no memory for the VM says that it is prepared", "8", "", [Invariants.MigrationProgress],
        "migration-full-host");

    public static readonly Mutant LastAccessNotMade = new(
        "the last access of each batch of a vCPU counts as made, and memory does not see it", "1.4", "", [Invariants.Effect],
        "fault-vs-invalidate");
}
