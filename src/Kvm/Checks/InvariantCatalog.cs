namespace Livebed.Kvm.Checks;

/// <summary>
/// Ids of the invariants; S1 to S12 and the L numbers are those of kvm-protocol section 9.1. The defects that show that each is looked at
/// are <see cref="Mutant"/>s.
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
        [Invariants.Teardown] =
            "after unregister no callback runs and nothing is left: frames, subscriptions, activations, held locks; no page is freed or "
                + "given back twice",
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
