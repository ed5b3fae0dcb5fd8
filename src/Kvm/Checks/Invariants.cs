namespace Livebed.Kvm.Checks;

/// <summary>Ids of the invariants; S and L numbers are those of kvm-protocol section 9.1.</summary>
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

    public const string Deadlock = "deadlock";
    public const string AtomicSleep = "atomic-sleep";
}
