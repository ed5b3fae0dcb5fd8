using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>A range between the call of its start and the return of its end, as <see cref="VmChecks"/> sees it: what of it may be mapped
/// when.</summary>
internal sealed class OpenRange(HvaRange pages, OperationId operation)
{
    public HvaRange Pages { get; } = pages;
    public OperationId Operation { get; } = operation;
    public long SwapsAtStart { get; set; }

    /// <summary>Start has returned and end was not called: nothing of the range may be mapped.</summary>
    public bool IsProtecting { get; set; }

    /// <summary>Guest pages that start's zap has come to; empty again when end is called.</summary>
    public List<GfnRange> Zapping { get; } = [];

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
internal sealed class EndedRanges
{
    private const int Kept = 256;

    private HvaRange[] _ended = new HvaRange[4];

    /// <summary>Ranges that ever ended; also the mark for <see cref="FindSince"/>.</summary>
    public long Count { get; private set; }

    public void Add(HvaRange range)
    {
        if (Count == _ended.Length && Count < Kept) Array.Resize(ref _ended, 2 * _ended.Length);
        _ended[Count++ % Kept] = range;
    }

    /// <summary>The first range over the page that has ended since the mark; null when none has.</summary>
    public HvaRange? FindSince(long mark, Hva hva)
    {
        for (var ended = Math.Max(mark, Count - Kept); ended < Count; ended++)
            if (_ended[ended % Kept].Contains(hva)) return _ended[ended % Kept];
        return null;
    }
}
