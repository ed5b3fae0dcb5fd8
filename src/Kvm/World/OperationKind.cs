using System.Runtime.CompilerServices;
using Livebed.Kvm.Checks;

namespace Livebed.Kvm.World;

/// <summary>
/// What an operation does: a name, and the liveness invariant that its waits are about. Kinds of operations of vCPUs and VMs are fields
/// here. Host memory events are kinds too, declared with what runs them, in a room above this one. A kind is its one object.
/// </summary>
public class OperationKind
{
    private static readonly List<OperationKind> _own = [];

    public static readonly OperationKind None = new(Invariants.FaultProgress);

    // vCPU and VM
    public static readonly OperationKind Fault = new(Invariants.FaultProgress);
    public static readonly OperationKind SoftwareWrite = new(Invariants.FaultProgress);
    public static readonly OperationKind DeviceWrite = new(Invariants.FaultProgress);
    public static readonly OperationKind VmCreate = new(Invariants.MemslotUpdateProgress);
    public static readonly OperationKind VmDestroy = new(Invariants.TeardownProgress);
    public static readonly OperationKind AddressSpaceExit = new(Invariants.TeardownProgress);
    public static readonly OperationKind MemslotCreate = new(Invariants.MemslotUpdateProgress);
    public static readonly OperationKind MemslotDelete = new(Invariants.MemslotUpdateProgress);
    public static readonly OperationKind MemslotMove = new(Invariants.MemslotUpdateProgress);
    public static readonly OperationKind MemslotFlags = new(Invariants.MemslotUpdateProgress);
    public static readonly OperationKind DirtyLogEnable = new(Invariants.MemslotUpdateProgress);
    public static readonly OperationKind DirtyLogDisable = new(Invariants.MemslotUpdateProgress);
    public static readonly OperationKind DirtyLogGet = new(Invariants.MigrationProgress);
    public static readonly OperationKind DirtyLogVerify = new(Invariants.MigrationProgress);
    public static readonly OperationKind DirtyRingReap = new(Invariants.MigrationProgress);
    public static readonly OperationKind Audit = new(Invariants.FaultProgress);

    // live migration
    public static readonly OperationKind Migration = new(Invariants.FaultProgress);
    public static readonly OperationKind MigrationPages = new(Invariants.FaultProgress);
    public static readonly OperationKind MigrationIncoming = new(Invariants.FaultProgress);
    public static readonly OperationKind PageRequest = new(Invariants.FaultProgress);

    // what the network does to one
    public static readonly OperationKind LinkBreak = new(Invariants.FaultProgress);
    public static readonly OperationKind AnswerLoss = new(Invariants.FaultProgress);

    // what a driver does to machines and to the network on purpose
    public static readonly OperationKind Nemesis = new(Invariants.FaultProgress);

    private readonly string _member;

    private OperationKind(string progress, [CallerMemberName] string member = "") : this(_own.Count, progress, member) => _own.Add(this);

    private protected OperationKind(int number, string progress, string member)
    {
        (Number, Progress, _member) = (checked((byte)number), progress, member);
        Name = KebabCase.Of(member);
    }

    /// <summary>The kinds that are no host memory events, in the order of their numbers.</summary>
    internal static IReadOnlyList<OperationKind> Own => _own;

    /// <summary>What stands for it between silos, which all run the same code.</summary>
    public byte Number { get; }

    /// <summary>What histories, results, campaigns and traces call it: <c>dirty-log-get</c> for <see cref="DirtyLogGet"/>.</summary>
    public string Name { get; }

    /// <summary>The liveness invariant that a wait of such an operation is about.</summary>
    public string Progress { get; }

    /// <summary>Whether it is user space's own change of a memslot, as hot-plug makes it.</summary>
    public bool IsMemslotUpdate => this == MemslotCreate || this == MemslotDelete || this == MemslotMove || this == MemslotFlags;

    /// <summary>The name of its field, as messages have it.</summary>
    public override string ToString() => _member;
}
