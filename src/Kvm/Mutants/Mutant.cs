namespace Livebed.Kvm.Mutants;

/// <summary>A named, switchable defect; see <see cref="MutantCatalog"/>. The default is none.</summary>
public enum Mutant
{
    None,
    NoResetAtDestroy,
    CountAfterWalk,
    CountDroppedBeforeWalk,
    NoRetryCheck,
    NoTlbFlush,
    KsmWithoutNotifier,
    GetLogWithoutProtect,
    DeleteWithoutInvalidPhase,
    LogFlushSkipped,
    SoftwareWriteWithoutMark,
    SnapshotAfterLookup,
    EndSkippedAfterEagain,
    MarkBeforeFastFault,
    ReadOnlyMappedWritable,
    PublishOutsideLock,
    RingResetWithoutProtect,
}
