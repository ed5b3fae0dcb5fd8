using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host;

/// <summary>The areas under a range, each with its part of it. Walks allocate nothing.</summary>
internal struct AreaPieces(Vma[] vmas, HvaRange range)
{
    private int _next;

    public (Vma Vma, HvaRange Pages) Current { get; private set; }

    public readonly AreaPieces GetEnumerator() => new(vmas, range);

    public bool MoveNext()
    {
        while (_next < vmas.Length)
        {
            var vma = vmas[_next++];
            var pages = vma.Range.Intersect(range);
            if (pages.IsEmpty) continue;
            Current = (vma, pages);
            return true;
        }

        return false;
    }
}
