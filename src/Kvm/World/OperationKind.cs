using System.Collections.Frozen;
using Livebed.Kvm.Checks;

namespace Livebed.Kvm.World;

/// <summary>
/// What an operation does. A new kind is a member here and has its place in <see cref="OperationKinds.ProgressOf"/>; its name follows from
/// the member. Host memory events come last: what happens to host memory is what has a number from <see cref="Unmap"/> on.
/// </summary>
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

    // host memory events (kvm-protocol section 6.1); HostEvents says what each does
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
    ClearSoftDirty,
}

/// <summary>What histories, results, campaigns, traces and hang reports say of a kind.</summary>
public static class OperationKinds
{
    private static readonly string[] _names = [.. Enum.GetValues<OperationKind>().Select(KebabCase.Of)];

    private static readonly FrozenDictionary<string, OperationKind> _kinds =
        Enum.GetValues<OperationKind>().ToFrozenDictionary(NameOf, StringComparer.Ordinal);

    /// <summary>The kebab-case name: <c>DirtyLogGet</c> is <c>dirty-log-get</c>.</summary>
    public static string NameOf(OperationKind kind) => _names[(int)kind];

    /// <summary>False when there is no such operation.</summary>
    public static bool TryFind(string name, out OperationKind kind) => _kinds.TryGetValue(name, out kind);

    /// <summary>Whether it is user space's own change of a memslot, as hot-plug makes it.</summary>
    public static bool IsMemslotUpdate(OperationKind kind) => kind is >= OperationKind.MemslotCreate and <= OperationKind.MemslotFlags;

    /// <summary>Whether it is a host memory event.</summary>
    public static bool IsHostEvent(OperationKind kind) => kind >= OperationKind.Unmap;

    /// <summary>The liveness invariant that a wait of such an operation is about.</summary>
    public static string ProgressOf(OperationKind kind) => kind switch
    {
        OperationKind.None or OperationKind.Fault or OperationKind.SoftwareWrite or OperationKind.Audit
            or OperationKind.Migration or OperationKind.MigrationPages or OperationKind.MigrationIncoming or OperationKind.PageRequest
            or OperationKind.LinkBreak or OperationKind.AnswerLoss => Invariants.FaultProgress,
        OperationKind.VmDestroy or OperationKind.AddressSpaceExit => Invariants.TeardownProgress,
        OperationKind.VmCreate or OperationKind.MemslotCreate or OperationKind.MemslotDelete or OperationKind.MemslotMove
            or OperationKind.MemslotFlags or OperationKind.DirtyLogEnable or OperationKind.DirtyLogDisable =>
                Invariants.MemslotUpdateProgress,
        OperationKind.DirtyLogGet or OperationKind.DirtyLogVerify or OperationKind.DirtyRingReap => Invariants.MigrationProgress,
        _ when IsHostEvent(kind) => Invariants.InvalidationProgress,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "has no place among the liveness invariants"),
    };
}
