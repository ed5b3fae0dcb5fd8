using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// <c>struct vm_area_struct</c> with the part of the page table that lies under it, as arrays by page: hva spaces are dense. Beside each
/// PTE stands the guest-memory oracle for that page: the newest value, how often it was written, and that count at the last copy-out.
/// PTEs and oracle are written under the bus lock of the address space. Simplified: an area is never split or merged; all of them are
/// private anonymous memory.
/// </summary>
internal sealed class Vma
{
    private readonly TrackedArray<Pte> _ptes;
    private readonly TrackedArray<PageOracle> _oracle;
    private readonly PlaceTable _places;
    private TrackedArray<ulong> _ksmChecksums;

    public Vma(IWorld world, VmaSpec spec)
    {
        (Range, Kind, Mergeable, Writable) = (spec.Range, spec.Kind, spec.Mergeable, spec.Writable);
        _places = new PlaceTable(world);
        _ptes = new TrackedArray<Pte>(_places, Range.Pages);
        _oracle = new TrackedArray<PageOracle>(_places, Range.Pages);
    }

    public HvaRange Range { get; }
    public VmaKind Kind { get; }
    public bool Mergeable { get; }
    public bool Writable { get; }

    /// <summary>Pages with a checksum: KSM's rmap_items.</summary>
    [Untracked("statistics")]
    public int KsmItems { get; private set; }

    public bool Contains(Hva hva) => Range.Contains(hva);

    public Pte PteAt(Hva hva) => _ptes[hva - Range.Start];

    /// <summary>For <see cref="AddressSpace.SetPte"/>, which checks that the change is allowed.</summary>
    public void SetPte(Hva hva, Pte pte) => _ptes[hva - Range.Start] = pte;

    /// <summary>The newest value of the page.</summary>
    public ulong NewestAt(Hva hva) => _oracle[hva - Range.Start].Newest;

    /// <summary>The content was given up: what is there next is zeroes.</summary>
    public void Discarded(Hva hva) => _oracle.Changing(hva - Range.Start).Newest = 0;

    /// <summary>The page was written.</summary>
    public void Written(Hva hva, ulong value)
    {
        ref var page = ref _oracle.Changing(hva - Range.Start);
        page.Newest = value;
        page.Writes++;
    }

    /// <summary>The page was copied as it is now.</summary>
    public void Copied(Hva hva)
    {
        ref var page = ref _oracle.Changing(hva - Range.Start);
        page.Copied = page.Writes;
    }

    /// <summary>The page came from elsewhere: no write to it is not copied.</summary>
    public void Loaded(Hva hva, ulong newest)
    {
        ref var page = ref _oracle.Changing(hva - Range.Start);
        (page.Newest, page.Copied) = (newest, page.Writes);
    }

    /// <summary>Whether the page was written since it was last copied.</summary>
    public bool IsChangedSinceCopy(Hva hva)
    {
        var page = _oracle[hva - Range.Start];
        return page.Copied != page.Writes;
    }

    /// <summary>KSM's checksum of the page at its last visit, 0 for none (<c>rmap_item->oldchecksum</c>).</summary>
    public ulong KsmChecksumAt(Hva hva) => _ksmChecksums.IsEmpty ? 0 : _ksmChecksums[hva - Range.Start];

    public void SetKsmChecksum(Hva hva, ulong checksum)
    {
        // Made for the first visit: many an area sees none.
        if (_ksmChecksums.IsEmpty) _ksmChecksums = new TrackedArray<ulong>(_places, Range.Pages);
        if (_ksmChecksums[hva - Range.Start] == 0) KsmItems++;
        _ksmChecksums[hva - Range.Start] = checksum;
    }

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
