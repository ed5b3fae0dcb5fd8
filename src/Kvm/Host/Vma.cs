using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// <c>struct vm_area_struct</c> with the part of the page table that lies under it, as an array by page: hva spaces are dense. Beside each
/// PTE stands the guest-memory oracle for that page: the newest value, how often it was written, and that count at the last copy-out.
/// PTEs and oracle are written under the bus lock of the address space. Simplified: an area is never split or merged, so what mprotect and
/// munmap leave behind is kept page by page; all of them are private anonymous memory.
/// </summary>
internal sealed class Vma
{
    private readonly PlaceTable _places;
    private readonly TrackedArray<Page> _pages;

    // Made for KSM's first visit, which most areas never see.
    private Tracked<TrackedArray<ulong>?> _ksmChecksums;

    [Untracked("changed by scripts alone, which are one lane")]
    private PageAccess[]? _access;

    public Vma(IWorld world, VmaSpec spec)
    {
        (Range, Kind, Mergeable, Writable) = (spec.Range, spec.Kind, spec.Mergeable, spec.Writable);
        _places = new PlaceTable(world);
        _pages = new TrackedArray<Page>(_places, Range.Pages);
        _ksmChecksums = new Tracked<TrackedArray<ulong>?>(world);
    }

    public HvaRange Range { get; }
    public VmaKind Kind { get; }
    public bool Mergeable { get; }
    public bool Writable { get; }

    /// <summary>Pages with a checksum: KSM's rmap_items.</summary>
    [Untracked("statistics")]
    public int KsmItems { get; private set; }

    public bool Contains(Hva hva) => Range.Contains(hva);

    /// <summary>Whether the process may access the page so.</summary>
    public bool Permits(Hva hva, bool write)
    {
        if (write && !Writable) return false;
        return AccessAt(hva) <= (write ? PageAccess.ReadWrite : PageAccess.ReadOnly);
    }

    public PageAccess AccessAt(Hva hva) => _access is null ? PageAccess.ReadWrite : _access[hva - Range.Start];

    /// <summary>What the process may do with the page from now on.</summary>
    public void SetAccess(Hva hva, PageAccess access) => (_access ??= new PageAccess[Range.Pages])[hva - Range.Start] = access;

    public Pte PteAt(Hva hva) => _pages[hva - Range.Start].Pte;

    /// <summary>For <see cref="AddressSpace.SetPte"/>, which checks that the change is allowed.</summary>
    public void SetPte(Hva hva, Pte pte) => Changing(hva).Pte = pte;

    /// <summary>The newest value of the page.</summary>
    public ulong NewestAt(Hva hva) => _pages[hva - Range.Start].Newest;

    /// <summary>The content was given up: what is there next is zeroes.</summary>
    public void Discarded(Hva hva) => Changing(hva).Newest = 0;

    /// <summary>The page was written.</summary>
    public void Written(Hva hva, ulong value)
    {
        ref var page = ref Changing(hva);
        page.Newest = value;
        page.Writes++;
    }

    /// <summary>The page was copied as it is now.</summary>
    public void Copied(Hva hva)
    {
        ref var page = ref Changing(hva);
        page.Copied = page.Writes;
    }

    /// <summary>The page came from elsewhere: no write to it is not copied.</summary>
    public void Loaded(Hva hva, ulong newest)
    {
        ref var page = ref Changing(hva);
        (page.Newest, page.Copied) = (newest, page.Writes);
    }

    /// <summary>Whether the page was written since it was last copied.</summary>
    public bool IsChangedSinceCopy(Hva hva)
    {
        var page = _pages[hva - Range.Start];
        return page.Copied != page.Writes;
    }

    /// <summary>KSM's checksum of the page at its last visit, 0 for none (<c>rmap_item->oldchecksum</c>).</summary>
    public ulong KsmChecksumAt(Hva hva) => _ksmChecksums.Value?[hva - Range.Start] ?? 0;

    public void SetKsmChecksum(Hva hva, ulong checksum)
    {
        var checksums = _ksmChecksums.Value ??= new TrackedArray<ulong>(_places, Range.Pages);
        ref var old = ref checksums.Changing(hva - Range.Start);
        if (old == 0) KsmItems++;
        old = checksum;
    }

    private ref Page Changing(Hva hva) => ref _pages.Changing(hva - Range.Start);

    /// <summary>A page's PTE and the oracle's data about it; in one place, since a write touches all of it. The counts are only compared
    /// with each other, so an overflow after four billion writes does no harm.</summary>
    private struct Page
    {
        public Pte Pte;
        public ulong Newest;
        public uint Writes;
        public uint Copied;
    }
}

/// <summary>What a process may do with a page; the larger, the less.</summary>
public enum PageAccess : byte
{
    ReadWrite,
    ReadOnly,

    /// <summary>Nothing is mapped there.</summary>
    None,
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
