namespace Livebed.Kvm.World;

/// <summary>What an operation does; its kebab-case form is the name in histories, results and campaigns.</summary>
public enum OperationKind : byte
{
    None,

    // vCPU and VM
    Fault,
    SoftwareWrite,
    VmCreate,
    VmDestroy,
    AddressSpaceExit,
    MemslotCreate,
    MemslotDelete,
    MemslotMove,
    MemslotFlags,
    DirtyLogEnable,
    DirtyLogDisable,
    DirtyLogGet,
    DirtyLogVerify,
    DirtyRingReap,
    Audit,

    // live migration
    Migration,
    MigrationPages,
    MigrationIncoming,
    PageRequest,

    // what the network does to one
    LinkBreak,
    AnswerLoss,

    // host memory events (kvm-protocol section 6.1)
    Unmap,
    DontNeed,
    Fork,
    KsmScan,
    PageMigration,
    Reclaim,
    NumaBalancing,
    Mprotect,
    Ageing,
    OomReap,
    Spurious,
    NestedRange,
    HeldRange,
}
