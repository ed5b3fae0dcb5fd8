using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.SamePageMerging;

/// <summary>
/// The unstable tree: candidates by content, which may change under it; hence it is thrown away after every full scan, and what it finds
/// must be compared again. At most one page of each content is in it. Bounded by the mergeable pages of one scan.
/// </summary>
[CellContent]
internal sealed class UnstableTree
{
    private readonly Dictionary<ulong, KsmItem> _items = [];

    public int Count => _items.Count;
    public bool TryFind(ulong hash, out KsmItem item) => _items.TryGetValue(hash, out item);
    public void Insert(ulong hash, KsmItem item) => _items[hash] = item;
    public void Remove(ulong hash) => _items.Remove(hash);
    public void Clear() => _items.Clear();
}

/// <summary><c>struct ksm_rmap_item</c>: one mergeable page by where it is mapped, not by frame.</summary>
internal readonly record struct KsmItem(AddressSpace Mm, Vma Vma, Hva Hva)
{
    public Pte Pte => Vma.PteAt(Hva);

    /// <summary>The checksum at KSM's last visit; 0 when it was never here.</summary>
    public ulong Checksum
    {
        get => Vma.KsmChecksumAt(Hva);
        set => Vma.SetKsmChecksum(Hva, value);
    }
}
