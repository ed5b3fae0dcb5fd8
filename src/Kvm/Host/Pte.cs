using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host;

/// <summary>
/// A host page-table entry (<c>pte_t</c>) in one word: either nothing, a mapping of a frame, a swap entry or a migration entry. A prot_none
/// entry (NUMA hinting) still maps its frame, but no access goes through it. Simplified: no accessed, dirty and soft-dirty bits, no huge
/// pages. A migration entry remembers whether the mapping was writable, as <c>writable_migration_entry</c> does.
/// </summary>
public readonly record struct Pte(ulong Bits)
{
    private const ulong PayloadMask = uint.MaxValue;
    private const ulong PresentBit = 1UL << 32;
    private const ulong WritableBit = 1UL << 33;
    private const ulong KsmBit = 1UL << 34;
    private const ulong ProtNoneBit = 1UL << 35;
    private const ulong SwapBit = 1UL << 36;
    private const ulong MigrationBit = 1UL << 37;

    public static readonly Pte None;

    public static Pte Map(Pfn pfn, bool writable, bool ksm = false) =>
        new((uint)pfn.Value | PresentBit | (writable ? WritableBit : 0) | (ksm ? KsmBit : 0));

    public static Pte SwapEntry(int slot) => new((uint)slot | SwapBit);

    public static Pte MigrationEntry(Pfn pfn, bool writable) => new((uint)pfn.Value | MigrationBit | (writable ? WritableBit : 0));

    public bool IsNone => Bits == 0;

    /// <summary>Maps a frame, with or without permission.</summary>
    public bool IsPresent => (Bits & PresentBit) != 0;

    /// <summary>Maps a frame that may be read through it.</summary>
    public bool IsAccessible => (Bits & (PresentBit | ProtNoneBit)) == PresentBit;

    public bool IsWritable => (Bits & WritableBit) != 0;
    public bool IsKsm => (Bits & KsmBit) != 0;
    public bool IsProtNone => (Bits & ProtNoneBit) != 0;
    public bool IsSwap => (Bits & SwapBit) != 0;
    public bool IsMigration => (Bits & MigrationBit) != 0;

    /// <summary>The frame of a mapping or of a migration entry.</summary>
    public Pfn Pfn => (Bits & (PresentBit | MigrationBit)) != 0 ? new Pfn((int)(Bits & PayloadMask)) : Pfn.None;

    /// <summary>The slot of a swap entry.</summary>
    public int SwapSlot => (int)(Bits & PayloadMask);

    public Pte AsReadOnly() => new(Bits & ~WritableBit);
    public Pte AsWritable() => new(Bits | WritableBit);
    public Pte AsProtNone() => new(Bits | ProtNoneBit);
    public Pte AsAccessible() => new(Bits & ~ProtNoneBit);
    public Pte AsKsm() => new(Bits | KsmBit);

    /// <summary>Whether an access through a translation to <paramref name="pfn"/> agrees with this entry; one compare, for the memory
    /// bus.</summary>
    public bool Reaches(Pfn pfn) => (Bits & (PayloadMask | PresentBit | ProtNoneBit)) == ((uint)pfn.Value | PresentBit);

    /// <summary>Whether going from this entry to <paramref name="next"/> unmaps, repoints or downgrades, so that secondary MMUs must have
    /// been told (S10).</summary>
    public bool NeedsNotifier(Pte next)
    {
        if (!IsPresent) return false;
        return !next.IsPresent || next.Pfn != Pfn || (IsWritable && !next.IsWritable) || (next.IsProtNone && !IsProtNone);
    }

    /// <summary>Whether <paramref name="next"/> lets writes through to a frame to which this entry does not (S13).</summary>
    public bool GivesWrite(Pte next) => next.IsPresent && next.IsWritable && !(IsPresent && IsWritable && Pfn == next.Pfn);

    public override string ToString()
    {
        if (IsNone) return "none";
        if (IsSwap) return $"swap entry {SwapSlot}";
        if (IsMigration) return $"migration entry of {Pfn}";
        return $"{Pfn} {(IsProtNone ? "prot_none" : IsWritable ? "rw" : "ro")}{(IsKsm ? " ksm" : "")}";
    }
}

/// <summary>
/// <c>struct page</c> of one frame. <c>RefCount</c> is the kernel's: mappings are counted in it too, so that <c>RefCount - MapCount</c> is
/// the number of other references (GUP, isolation). The owner is the last mapper, for messages only. Each frame of a host has one, so words
/// are shared as in the kernel. Bit 0 beside the owner's address means KSM (<c>PAGE_MAPPING_KSM</c> in <c>page->mapping</c>). A free frame
/// has a successor in the free list instead of an owner.
/// </summary>
internal struct Frame
{
    public int Generation;
    public int RefCount;
    public int MapCount;
    public int OwnerId;
    private long _mapping;

    public long OwnerHva
    {
        readonly get => _mapping >> 1;
        set => _mapping = (value << 1) | (_mapping & 1);
    }

    public bool IsKsm
    {
        readonly get => (_mapping & 1) != 0;
        set => _mapping = (_mapping & ~1L) | (value ? 1L : 0);
    }

    /// <summary>Of a free frame only; None at the end of the list.</summary>
    public Pfn NextFree
    {
        readonly get => new((int)(_mapping >> 1));
        set => _mapping = (long)value.Value << 1;
    }
}
