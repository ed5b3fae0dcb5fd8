using Livebed.Kvm.Checks;

namespace Livebed.Kvm.Mutants;

/// <summary>Every mutant as data: its story, where it comes from, which invariants may catch it, and the campaign in which one does.</summary>
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
            [Invariants.NoInstallUnderInvalidation, Invariants.NoStaleTranslation, Invariants.GfnFidelity, Invariants.Permission], "fault-vs-invalidate", "fault-storm"),
        new(Mutant.NoTlbFlush, "no-tlb-flush", "range_start zaps but does not flush the vCPUs' TLBs", "S5", "",
            [Invariants.FlushBeforeFree, Invariants.NoStaleTranslation], "page-reuse", "default"),
        new(Mutant.KsmWithoutNotifier, "ksm-without-notifier", "KSM write-protects and replaces pages without start and end", "B2", "f268f6cf875f, CVE-2022-48991",
            [Invariants.NotifierCompleteness, Invariants.NoStaleTranslation], "ksm-merge", "default"),
        new(Mutant.GetLogWithoutProtect, "get-log-without-protect", "get (or clear) dirty log clears bits without write-protecting", "S6", "",
            [Invariants.NoLostDirtyPage, Invariants.FlushBeforeFree], "dirty-log-get", "dirty-log"),
        new(Mutant.DeleteWithoutInvalidPhase, "delete-without-invalid-phase", "memslot delete zaps before the slot is unreachable for faults", "m17", "",
            [Invariants.SlotLifetime], "memslot-delete", "slot-storm"),
        new(Mutant.LogFlushSkipped, "log-flush-skipped", "clearing the dirty log protects but does not flush TLBs", "m12, Q3", "QEMU 03bfc2188f",
            [Invariants.NoLostDirtyPage, Invariants.FlushBeforeFree], "dirty-log-clear", "dirty-log"),
        new(Mutant.SoftwareWriteWithoutMark, "software-write-without-mark", "an emulated write does not mark its page dirty", "B10", "910c57dfa4d1, CVE-2024-35804",
            [Invariants.NoLostDirtyPage], "software-write", "dirty-log"),
        new(Mutant.SnapshotAfterLookup, "snapshot-after-lookup", "the fault takes its sequence snapshot after the host lookup", "B7, 2.7 I4", "",
            [Invariants.NoInstallUnderInvalidation, Invariants.NoStaleTranslation, Invariants.GfnFidelity, Invariants.Permission], "fault-vs-invalidate", "fault-storm"),
        new(Mutant.EndSkippedAfterEagain, "end-skipped-after-eagain", "after one subscriber's -EAGAIN the others get no end", "B1", "c2655835fd8c",
            [Invariants.Balance, Invariants.FaultProgress, Invariants.MemslotUpdateProgress], "non-blockable-range", "oom-reaper"),
        new(Mutant.MarkBeforeFastFault, "mark-before-fast-fault", "the fast page fault marks dirty before its cmpxchg", "3.1", "",
            [Invariants.NoLostDirtyPage], "fast-page-fault", "dirty-log"),
        new(Mutant.ReadOnlyMappedWritable, "read-only-mapped-writable", "a read-only host mapping becomes a writable SPTE", "B29", "f8be156be163, CVE-2021-22543",
            [Invariants.Permission], "ksm-merge", "default"),
        new(Mutant.PublishOutsideLock, "publish-outside-lock", "the memslot set is published after mn_invalidate_lock was dropped", "m1", "",
            [Invariants.SameSlots, Invariants.Balance], "memslot-vs-notifier", "slot-storm"),
        new(Mutant.RingResetWithoutProtect, "ring-reset-without-protect", "dirty-ring reset acknowledges entries without re-protecting them", "B15", "",
            [Invariants.RingFidelity, Invariants.NoLostDirtyPage], "dirty-ring", "dirty-ring"),
    ];

    /// <summary>What results print when no defect is switched on.</summary>
    public const string None = "none";

    public static string NameOf(Mutant mutant) => mutant == Mutant.None ? None : All.First(entry => entry.Id == mutant).Name;

    /// <summary>Finds a mutant by its name; null when there is none.</summary>
    public static MutantEntry? Find(string name) => All.FirstOrDefault(entry => entry.Name == name);
}
