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

    /// <summary>Does something to each, one after the other. Nearly always there is one, and that costs no state of its own.</summary>
    /// <returns>what <paramref name="work"/> returned, added up</returns>
    public readonly ValueTask<int> SumAsync(Func<Vma, HvaRange, ValueTask<int>> work)
    {
        var pieces = GetEnumerator();
        if (!pieces.MoveNext()) return ValueTask.FromResult(0);
        var (vma, pages) = pieces.Current;
        return pieces.MoveNext() ? SumOfSeveralAsync(this, work) : work(vma, pages);
    }

    private static async ValueTask<int> SumOfSeveralAsync(AreaPieces pieces, Func<Vma, HvaRange, ValueTask<int>> work)
    {
        var sum = 0;
        foreach (var (vma, pages) in pieces) sum += await work(vma, pages);
        return sum;
    }
}
