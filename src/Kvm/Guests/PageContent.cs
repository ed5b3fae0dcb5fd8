using Livebed.Kvm.World;

namespace Livebed.Kvm.Guests;

/// <summary>
/// What guests write. A page belongs for good to one class, drawn from the seed. Pages are zero, or have content that other VMs repeat,
/// which is work for KSM, or have unique tokens, so that a read can be judged exactly. The value is what is stamped into the page: 0, a
/// pattern (top 20 bits all set), or VM ordinal (20 bits), vCPU (8 bits) and a per-vCPU sequence (36 bits, from 1, which begins again after
/// 68 thousand million writes).
/// </summary>
public sealed class PageContent(ulong seed, int vmOrdinal, int vcpu, int zeroPercent, int repeatedPercent, int patterns = 64)
{
    /// <summary>VM ordinals are below this; it marks the repeated patterns.</summary>
    public const int MaxVms = (1 << VmBits) - 1;

    /// <summary>vCPU numbers are below this.</summary>
    public const int MaxVcpus = 256;

    private const int VmBits = 20;
    private const int VcpuBits = 8;
    private const int SequenceBits = 64 - VmBits - VcpuBits;

    /// <summary>Unique tokens given so far; set to that of another, this one goes on where the other stopped.</summary>
    public long Sequence { get; internal set; }

    /// <summary>The value of the next write to guest page <paramref name="page"/>.</summary>
    public ulong Next(long page)
    {
        // The class does not depend on the VM: the same page of two VMs repeats the same pattern, as two guests' kernels do.
        var draw = SeededRandom.Mix(seed ^ (ulong)page);
        var percent = (int)(draw % 100);
        if (percent < zeroPercent) return 0;
        if (percent < zeroPercent + repeatedPercent) return Token(MaxVms, 0, (long)((draw >> 8) % (ulong)patterns));
        return Token(vmOrdinal, vcpu, ++Sequence);
    }

    /// <summary>A value that one write of one vCPU makes; <see cref="OperationId.OfProcess"/> in its place is KVM itself.</summary>
    public static ulong Token(int vmOrdinal, int vcpu, long sequence) =>
        ((ulong)(uint)vmOrdinal << (64 - VmBits)) | ((ulong)(byte)vcpu << SequenceBits) | (ulong)(sequence & ((1L << SequenceBits) - 1));

    /// <summary>Whether other VMs repeat the value.</summary>
    public static bool IsPattern(ulong value) => value >> (64 - VmBits) == MaxVms;
}
