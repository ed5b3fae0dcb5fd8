using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// <c>struct vm_area_struct</c> with the part of the page table that lies under it, as arrays by page: hva spaces are dense. Beside each
/// PTE stands the guest-memory oracle for that page: the newest value, how often it was written, and that count at the last copy-out.
/// PTEs and oracle are written under the bus lock of the address space. Simplified: an area is never split or merged; all of them are
/// private anonymous memory.
/// </summary>
internal sealed class Vma(IWorld world, VmaSpec spec)
{
    private readonly PlaceTable _pages = new(world);
    private readonly Pte[] _ptes = new Pte[spec.Range.Pages];
    private readonly PageOracle[] _oracle = new PageOracle[spec.Range.Pages];

    public HvaRange Range { get; } = spec.Range;
    public VmaKind Kind { get; } = spec.Kind;
    public bool Mergeable { get; } = spec.Mergeable;
    public bool Writable { get; } = spec.Writable;

    /// <summary>KSM's checksum of each page at its last visit, 0 for none (<c>rmap_item->oldchecksum</c>); empty
    /// where nothing may be merged. Made for the first visit.</summary>
    public ulong[] KsmChecksums => field ??= Mergeable ? new ulong[Range.Pages] : [];

    /// <summary>Pages with a checksum: KSM's rmap_items.</summary>
    public int KsmItems { get; set; }

    public bool Contains(Hva hva) => Range.Contains(hva);
    /// <summary>The PTE, to be read; <see cref="Changes"/> before it is written.</summary>
    public ref Pte PteAt(Hva hva)
    {
        _pages.Reads(hva.Value);
        return ref _ptes[hva - Range.Start];
    }

    /// <summary>The PTE or the content of a page is about to change.</summary>
    public void Changes(Hva hva) => _pages.Writes(hva.Value);

    public ref ulong NewestAt(Hva hva) => ref _oracle[hva - Range.Start].Newest;
    public ref uint WritesAt(Hva hva) => ref _oracle[hva - Range.Start].Writes;
    public ref uint CopiedAt(Hva hva) => ref _oracle[hva - Range.Start].Copied;

    /// <summary>The data of a page beside its PTE; in one place, since a write touches all of it. The counts are only compared with each
    /// other, so an overflow after four billion writes does no harm.</summary>
    private struct PageOracle
    {
        public ulong Newest;
        public uint Writes;
        public uint Copied;
    }
}

/// <summary>What a process keeps in an area of its memory.</summary>
public enum VmaKind : byte
{
    /// <summary>Guest RAM, behind memslots from the start.</summary>
    Ram,

    /// <summary>Guest RAM that memslots come and go on.</summary>
    Hotplug,

    /// <summary>The process's own memory, outside of every memslot: ranges here are spurious for KVM.</summary>
    Scratch,
}

/// <summary>An area of a process to be created; <paramref name="Mergeable"/> is MADV_MERGEABLE.</summary>
public sealed record VmaSpec(HvaRange Range, VmaKind Kind, bool Mergeable = false, bool Writable = true);

/// <summary>A process to be created: its number, unique among the host's living address spaces, and its areas, which must not
/// overlap.</summary>
public sealed record AddressSpaceSpec(int Id, IReadOnlyList<VmaSpec> Vmas);
