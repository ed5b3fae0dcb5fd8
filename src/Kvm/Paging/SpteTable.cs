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

    private readonly TrackedPages<Spte> _sptes;
    private Tracked<RootPage?> _root;

    [Untracked("for reports, and for teardown when nothing else runs")]
    private long _present;

    [Untracked("only tells installations apart")]
    private uint _installations;

    /// <param name="world">the world it is in</param>
    /// <param name="entriesPerPage">a power of two</param>
    /// <param name="installations">how many there have been</param>
    public SpteTable(IWorld world, int entriesPerPage = DefaultEntriesPerPage, uint installations = 0)
    {
        _sptes = new TrackedPages<Spte>(world, entriesPerPage);
        var root = new Place(world);
        _root = new Tracked<RootPage?>(root, new RootPage(root));
        EntriesPerPage = entriesPerPage;
        _installations = installations;
    }

    public int EntriesPerPage { get; }
    public long Present => _present;

    /// <summary>Null once a release has detached it.</summary>
    public RootPage? Root => _root.Value;

    /// <summary>The entry at a gfn, to be changed, made if need be; valid until the next change of the table.</summary>
    public ref Spte this[Gfn gfn] => ref _sptes.Changing(gfn.Value);

    public bool TryGet(Gfn gfn, out Spte spte)
    {
        spte = _sptes[gfn.Value];
        return spte.IsPresent;
    }

    /// <summary>Writes a present SPTE over whatever is there; what the TLBs may hold is not forgotten.</summary>
    public void Install(Gfn gfn, Pfn pfn, Hva hva, SpteFlags flags)
    {
        ref var spte = ref this[gfn];
        if (!spte.IsPresent) _present++;
        spte.Pfn = pfn.Value;
        spte.Hva = hva.Value;
        spte.Flags = flags | SpteFlags.Present;
        spte.Installation = ++_installations;
    }

    /// <summary>Makes an SPTE non-present; false when it already was.</summary>
    public bool Zap(Gfn gfn)
    {
        if (!TryGet(gfn, out _)) return false;
        ref var spte = ref this[gfn];
        spte.Flags = SpteFlags.None;
        spte.Pfn = -1;
        _present--;
        return true;
    }

    /// <summary>Takes the W bit away; false when the SPTE is absent or read-only already.</summary>
    public bool WriteProtect(Gfn gfn)
    {
        if (!TryGet(gfn, out var spte) || !spte.IsWritable) return false;
        this[gfn].Flags &= ~SpteFlags.Writable;
        return true;
    }

    /// <summary>Takes the root away, for the caller to free; null when another release has done so. Under mmu_lock (write).</summary>
    public RootPage? DetachRoot()
    {
        var root = _root.Value;
        _root.Value = null;
        return root;
    }

    /// <summary>The first gfn at or after <paramref name="from"/>, before <paramref name="end"/>, that has a table page; end if
    /// none.</summary>
    public Gfn NextPopulated(Gfn from, Gfn end)
    {
        while (from < end && !_sptes.HasPage(from.Value))
            from = new Gfn((from.Value / EntriesPerPage + 1) * EntriesPerPage);
        return from < end ? from : end;
    }

    /// <summary>The gfns of every table page, in order.</summary>
    public GfnRange[] Pages()
    {
        var first = _sptes.FirstIndexes();
        if (first.Length == 0) return [];
        var pages = new GfnRange[first.Length];
        for (var i = 0; i < pages.Length; i++) pages[i] = new GfnRange(new Gfn(first[i]), EntriesPerPage);
        return pages;
    }
}

/// <summary>
/// The root of a VM's second-level page table as memory of its own (<c>kvm->arch.mmu.pgt</c> on arm64, <c>kvm_free_stage2_pgd</c> in
/// arch/arm64/kvm/mmu.c). It is allocated with the VM and freed by the first release only (S11). Nothing is stored in it here; it stands
/// for whatever a release frees.
/// </summary>
public sealed class RootPage(Place place)
{
    private Tracked<bool> _isFreed = new(place);

    public bool IsFreed => _isFreed.Value;

    public void Free() => _isFreed.Value = true;
}
