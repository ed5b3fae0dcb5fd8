using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.SamePageMerging;

/// <summary>
/// The stable tree: KSM pages by content. As in the kernel a node holds no reference on its page; the generation shows whether it still is
/// the same page. Nodes of freed pages are dropped when met and after every full scan, which bounds them. Simplified: a hash table with
/// full compare in place of a red-black tree ordered by memcmp; any number of mappings of one page (no <c>max_page_sharing</c>).
/// </summary>
[CellContent]
internal sealed class StableTree(FramePool frames)
{
    private readonly Dictionary<ulong, List<Node>> _nodes = [];

    public void Insert(ulong hash, Pfn pfn)
    {
        if (!_nodes.TryGetValue(hash, out var nodes)) _nodes[hash] = nodes = [];
        nodes.Add(new Node(pfn, frames.Generation(pfn)));
    }

    /// <summary><c>stable_tree_search</c>: a KSM page with these bytes, with a reference for the caller; None when there is none.</summary>
    public Pfn Search(ulong hash, ReadOnlySpan<byte> bytes)
    {
        if (!_nodes.TryGetValue(hash, out var nodes)) return Pfn.None;
        nodes.RemoveAll(IsStale);
        foreach (var node in nodes)
        {
            if (!frames.Bytes(node.Pfn).SequenceEqual(bytes)) continue;
            frames.Get(node.Pfn);
            return node.Pfn;
        }

        return Pfn.None;
    }

    /// <summary><c>remove_stale_stable_nodes</c>.</summary>
    public void Prune()
    {
        foreach (var (hash, nodes) in _nodes)
        {
            nodes.RemoveAll(IsStale);
            if (nodes.Count == 0) _nodes.Remove(hash);
        }
    }

    private bool IsStale(Node node) => frames.Generation(node.Pfn) != node.Generation || !frames.IsKsm(node.Pfn);

    private readonly record struct Node(Pfn Pfn, int Generation);
}
