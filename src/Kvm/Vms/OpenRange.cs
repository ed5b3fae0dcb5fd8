using System.Collections.Immutable;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>A range between the call of its start and the return of its end, as <see cref="VmChecks"/> sees it: what of it may be mapped
/// when.</summary>
internal readonly record struct OpenRange(long Id, HvaRange Pages, OperationId Operation)
{
    public long SwapsAtStart { get; init; }

    /// <summary>Start has returned and end was not called: nothing of the range may be mapped.</summary>
    public bool IsProtecting { get; init; }

    /// <summary>Guest pages that start's zap has come to; empty again when end is called.</summary>
    public ImmutableArray<GfnRange> Zapping { get; init; } = [];

    public bool Protects(Gfn gfn, Hva hva)
    {
        if (!Pages.Contains(hva)) return false;
        if (IsProtecting) return true;
        foreach (var gfns in Zapping)
            if (gfns.Contains(gfn)) return true;
        return false;
    }
}

/// <summary>
/// The last ranges that have ended, for S2: a host lookup made before the end of a range must not be installed after it. A bounded number
/// is remembered; a fault that more of them overtake is not judged by the oldest.
/// </summary>
internal sealed class EndedRanges(Place place)
{
    private const int Kept = 256;

    private readonly TrackedList<HvaRange> _ended = new(place);
    private Tracked<long> _count = new(place);

    /// <summary>Ranges that ever ended; also the mark for <see cref="FindSince"/>.</summary>
    public long Count => _count.Value;

    public void Add(HvaRange range)
    {
        if (_ended.Count < Kept) _ended.Add(range);
        else _ended[(int)(Count % Kept)] = range;
        _count.Value++;
    }

    /// <summary>The first range over the page that has ended since the mark; null when none has.</summary>
    public HvaRange? FindSince(long mark, Hva hva)
    {
        for (var ended = Math.Max(mark, Count - Kept); ended < Count; ended++)
            if (_ended[(int)(ended % Kept)].Contains(hva)) return _ended[(int)(ended % Kept)];
        return null;
    }
}
