using Livebed.Kvm.World;

namespace Livebed.Kvm.Guests;

/// <summary>
/// What guests write. A page belongs for good to one class, drawn from the seed. Pages are zero, or have content that other VMs repeat,
/// which is work for KSM, or have unique tokens, so that a read can be judged exactly. The value is what is stamped into the page: 0, a
/// pattern (top 16 bits 0xFFFF), or VM ordinal (16 bits), vCPU (8 bits) and a per-vCPU sequence (40 bits, from 1).
/// </summary>
public sealed class PageContent(ulong seed, int vmOrdinal, int vcpu, int zeroPercent, int repeatedPercent, int patterns = 64)
{
    /// <summary>VM ordinals are below this; 0xFFFF marks the repeated patterns.</summary>
    public const int MaxVms = 0xFFFF;

    /// <summary>vCPU numbers are below this.</summary>
    public const int MaxVcpus = 256;

    /// <summary>Unique tokens given so far; set to that of another, this one goes on where the other stopped.</summary>
    public long Sequence { get; internal set; }

    /// <summary>The value of the next write to guest page <paramref name="page"/>.</summary>
    public ulong Next(long page)
    {
        // The class does not depend on the VM: the same page of two VMs repeats the same pattern, as two guests' kernels do.
        var draw = SeededRandom.Mix(seed ^ (ulong)page);
        var percent = (int)(draw % 100);
        if (percent < zeroPercent) return 0;
        if (percent < zeroPercent + repeatedPercent) return (0xFFFFUL << 48) | ((draw >> 8) % (ulong)patterns);
        return ((ulong)(ushort)vmOrdinal << 48) | ((ulong)(byte)vcpu << 40) | (ulong)(++Sequence & ((1L << 40) - 1));
    }
}
