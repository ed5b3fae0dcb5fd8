using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Vms;

/// <summary>
/// The last ranges that have ended, for S2: a host lookup made before the end of a range must not be installed after it. A bounded number is
/// remembered; a fault that more of them overtake is not judged by the oldest.
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
