using System.Runtime.InteropServices;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// A VM's second-level page table (the TDP MMU's leaves): pages of 512 SPTEs (fewer where thousands of small VMs are made), made on first
/// use. The caller synchronises changes (mmu_lock, or a cmpxchg); the table only keeps the entries and counts the present ones.
/// </summary>
public sealed class SpteTable
{
    /// <summary>As on x86.</summary>
    public const int DefaultEntriesPerPage = 512;

    private readonly Dictionary<long, Spte[]> _pages = [];
    private long _lastIndex = -1;
    private Spte[] _lastPage = [];
    private readonly PlaceTable _sptes;
    private readonly PlaceTable _tables;
    private uint _installations;

    /// <param name="world">the world it is in</param>
    /// <param name="entriesPerPage">a power of two</param>
    public SpteTable(IWorld world, int entriesPerPage = DefaultEntriesPerPage)
    {
        _sptes = new PlaceTable(world);
        _tables = new PlaceTable(world);
        if (!System.Numerics.BitOperations.IsPow2(entriesPerPage))
            throw new ArgumentOutOfRangeException(nameof(entriesPerPage), entriesPerPage, "not a power of two");
        EntriesPerPage = entriesPerPage;
    }

    public int EntriesPerPage { get; }
    public long Present { get; private set; }

    /// <summary>Null once a release has detached it.</summary>
    public RootPage? Root { get; private set; } = new();

    /// <summary>The entry at a gfn, made if need be; valid until the next change of the table.</summary>
    public ref Spte this[Gfn gfn]
    {
        get
        {
            _sptes.Writes(gfn.Value);
            return ref PageOf(gfn, create: true)![(int)(gfn.Value & (EntriesPerPage - 1))];
        }
    }

    public bool TryGet(Gfn gfn, out Spte spte)
    {
        _sptes.Reads(gfn.Value);
        var page = PageOf(gfn, create: false);
        spte = page is null ? default : page[(int)(gfn.Value & (EntriesPerPage - 1))];
        return spte.IsPresent;
    }

    /// <summary>Writes a present SPTE over whatever is there; what the TLBs may hold is not forgotten.</summary>
    public void Install(Gfn gfn, Pfn pfn, Hva hva, SpteFlags flags)
    {
        ref var spte = ref this[gfn];
        if (!spte.IsPresent) Present++;
        spte.Pfn = pfn.Value;
        spte.Hva = hva.Value;
        spte.Flags = flags | SpteFlags.Present;
        spte.Installation = ++_installations;
    }

    /// <summary>Makes an SPTE non-present; false when it already was.</summary>
    public bool Zap(Gfn gfn)
    {
        _sptes.Reads(gfn.Value);
        var page = PageOf(gfn, create: false);
        if (page is null) return false;
        ref var spte = ref page[(int)(gfn.Value & (EntriesPerPage - 1))];
        if (!spte.IsPresent) return false;
        _sptes.Writes(gfn.Value);
        spte.Flags = SpteFlags.None;
        spte.Pfn = -1;
        Present--;
        return true;
    }

    /// <summary>Takes the W bit away; false when the SPTE is absent or read-only already.</summary>
    public bool WriteProtect(Gfn gfn)
    {
        _sptes.Reads(gfn.Value);
        var page = PageOf(gfn, create: false);
        if (page is null) return false;
        ref var spte = ref page[(int)(gfn.Value & (EntriesPerPage - 1))];
        if (!spte.IsPresent || !spte.IsWritable) return false;
        _sptes.Writes(gfn.Value);
        spte.Flags &= ~SpteFlags.Writable;
        return true;
    }

    /// <summary>Takes the root away, for the caller to free; null when another release has done so. Under mmu_lock (write).</summary>
    public RootPage? DetachRoot()
    {
        _tables.WritesAll();
        var root = Root;
        Root = null;
        return root;
    }

    /// <summary>The first gfn at or after <paramref name="from"/>, before <paramref name="end"/>, that has a table page; end if
    /// none.</summary>
    public Gfn NextPopulated(Gfn from, Gfn end)
    {
        while (from < end && !HasTable(from))
            from = new Gfn((from.Value / EntriesPerPage + 1) * EntriesPerPage);
        return from < end ? from : end;
    }

    /// <summary>Every table page with its first gfn, in gfn order.</summary>
    public (Gfn First, Spte[] Entries)[] Pages()
    {
        _tables.ReadsAll();
        _sptes.WritesAll();
        if (_pages.Count == 0) return [];
        var pages = new (Gfn First, Spte[] Entries)[_pages.Count];
        var filled = 0;
        foreach (var (index, entries) in _pages) pages[filled++] = (new Gfn(index * EntriesPerPage), entries);
        Array.Sort(pages, static (left, right) => left.First.Value.CompareTo(right.First.Value));
        return pages;
    }

    private bool HasTable(Gfn gfn)
    {
        _tables.Reads(gfn.Value / EntriesPerPage);
        return PageOf(gfn, create: false) is not null;
    }

    private Spte[]? PageOf(Gfn gfn, bool create)
    {
        var index = gfn.Value / EntriesPerPage;
        if (index == _lastIndex) return _lastPage;
        Spte[]? page;
        if (create)
        {
            ref var slot = ref CollectionsMarshal.GetValueRefOrAddDefault(_pages, index, out _);
            if (slot is null) _tables.Writes(index);
            page = slot ??= new Spte[EntriesPerPage];
        }
        else if (!_pages.TryGetValue(index, out page))
        {
            return null;
        }

        _lastIndex = index;
        _lastPage = page;
        return page;
    }
}

/// <summary>
/// The root of a VM's second-level page table as memory of its own (<c>kvm->arch.mmu.pgt</c> on arm64, <c>kvm_free_stage2_pgd</c> in
/// arch/arm64/kvm/mmu.c): allocated with the VM, freed by the first release, and by that one only (S11). Nothing is stored in it here; it
/// stands for whatever a release frees.
/// </summary>
public sealed class RootPage
{
    public bool IsFreed { get; private set; }

    public void Free() => IsFreed = true;
}
