using Livebed.Kvm.Checks;

namespace Livebed.Kvm.Mutants;

/// <summary>Every mutant as data: its story, where it comes from, which invariants may catch it, and the campaign in which one does.</summary>
public static class MutantCatalog
{
    public static IReadOnlyList<MutantEntry> All { get; } =
    [
        new(Mutant.NoResetAtDestroy, "no-reset-at-destroy", "destroy does not reset the lock or count that a range still holds", "kvm-protocol 2.6 (the seed)",
            [Invariants.TeardownProgress], "teardown"),
        new(Mutant.CountAfterWalk, "count-after-walk", "range_start counts itself after the walk: memslots may change in between", "m2",
            [Invariants.SameSlots, Invariants.Balance], "slot-storm"),
        new(Mutant.CountDroppedBeforeWalk, "count-dropped-before-walk", "range_end drops the count before its walk", "m3",
            [Invariants.SameSlots, Invariants.Balance], "slot-storm"),
        new(Mutant.NoRetryCheck, "no-retry-check", "the fault installs without the locked retry check", "kvm-protocol 2.7 I2, I3",
            [Invariants.NoInstallUnderInvalidation, Invariants.NoStaleTranslation, Invariants.GfnFidelity, Invariants.Permission], "fault-storm"),
        new(Mutant.NoTlbFlush, "no-tlb-flush", "range_start zaps but does not flush the vCPUs' TLBs", "S5",
            [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation], "default"),
        new(Mutant.KsmWithoutNotifier, "ksm-without-notifier", "KSM write-protects and replaces pages without start and end", "B2",
            [Invariants.NotifierCompleteness, Invariants.NoStaleTranslation], "default"),
        new(Mutant.GetLogWithoutProtect, "get-log-without-protect", "get (or clear) dirty log clears bits without write-protecting", "S6",
            [Invariants.NoLostDirtyPage, Invariants.FlushBeforeFree], "dirty-log"),
        new(Mutant.DeleteWithoutInvalidPhase, "delete-without-invalid-phase", "memslot delete zaps before the slot is unreachable for faults", "kvm-protocol 5",
            [Invariants.SlotLifetime], "slot-storm"),
        new(Mutant.LogFlushSkipped, "log-flush-skipped", "clearing the dirty log protects but does not flush TLBs", "Q3, m12",
            [Invariants.NoLostDirtyPage, Invariants.FlushBeforeFree], "dirty-log"),
        new(Mutant.SoftwareWriteWithoutMark, "software-write-without-mark", "an emulated write does not mark its page dirty", "B10 (CVE-2024-35804)",
            [Invariants.NoLostDirtyPage], "dirty-log"),
        new(Mutant.SnapshotAfterLookup, "snapshot-after-lookup", "the fault takes its sequence snapshot after the host lookup", "kvm-protocol 2.7 I4",
            [Invariants.NoInstallUnderInvalidation, Invariants.NoStaleTranslation, Invariants.GfnFidelity, Invariants.Permission], "fault-storm"),
        new(Mutant.EndSkippedAfterEagain, "end-skipped-after-eagain", "after one subscriber's -EAGAIN the others get no end", "B1",
            [Invariants.Balance, Invariants.FaultProgress, Invariants.MemslotUpdateProgress], "oom-reaper"),
        new(Mutant.MarkBeforeFastFault, "mark-before-fast-fault", "the fast page fault marks dirty before its cmpxchg", "kvm-protocol 3.1",
            [Invariants.NoLostDirtyPage], "dirty-log"),
        new(Mutant.ReadOnlyMappedWritable, "read-only-mapped-writable", "a read-only host mapping becomes a writable SPTE", "B29 (CVE-2021-22543)",
            [Invariants.Permission], "default"),
        new(Mutant.PublishOutsideLock, "publish-outside-lock", "the memslot set is published after mn_invalidate_lock was dropped", "m1",
            [Invariants.SameSlots, Invariants.Balance], "slot-storm"),
        new(Mutant.RingResetWithoutProtect, "ring-reset-without-protect", "dirty-ring reset acknowledges entries without re-protecting them", "B15",
            [Invariants.RingFidelity, Invariants.NoLostDirtyPage], "dirty-ring"),
    ];

    /// <summary>Finds a mutant by its name; null when there is none.</summary>
    public static MutantEntry? Find(string name) => All.FirstOrDefault(entry => entry.Name == name);
}
