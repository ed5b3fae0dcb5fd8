namespace Livebed.Kvm.World;

/// <summary>
/// Identity of an operation over the whole cluster: 28 bits of origin (0 = driver, else a VM's ordinal and vCPU) and a 36-bit count.
/// An operation is what a thread is in the kernel: it owns locks, and it is one node of the wait-for graph.
/// </summary>
public readonly record struct OperationId(long Value)
{
    public const int CountBits = 36;

    /// <summary>vCPUs of a VM: two origins of each VM are its process's and its migrations'.</summary>
    public const int VcpusMax = 254;

    /// <summary>In the place of a vCPU: the VM's own operations, and its migrations'.</summary>
    public const int OfProcess = 0xff;

    public const int OfMigration = 0xfe;

    private const int VcpuBits = 8;
    private const int VcpuMask = (1 << VcpuBits) - 1;

    public static readonly OperationId None;
    public bool IsNone => Value == 0;
    public int Origin => (int)(Value >>> CountBits);
    public long Count => Value & ((1L << CountBits) - 1);

    /// <summary>Index of the operation's vCPU, or <see cref="OfProcess"/> or <see cref="OfMigration"/>; -1 for an operation of the
    /// driver.</summary>
    public int Vcpu => Origin == 0 ? -1 : Origin & VcpuMask;

    /// <summary>The origin of a vCPU's operations.</summary>
    public static int OriginOf(int vmOrdinal, int vcpu) => (vmOrdinal << VcpuBits) | (vcpu & VcpuMask);

    public override string ToString() => $"op {Origin}.{Count}";
}

/// <summary>Gives out operation ids of one origin (0 to 2^28 - 1), after those that it gave out elsewhere; safe from any thread.</summary>
public sealed class OperationIds(int origin, long count = 0)
{
    private long _count = count;

    /// <summary>Ids given out so far.</summary>
    public long Count => Interlocked.Read(ref _count);

    public OperationId Next() => new(((long)origin << OperationId.CountBits) | Interlocked.Increment(ref _count));
}
