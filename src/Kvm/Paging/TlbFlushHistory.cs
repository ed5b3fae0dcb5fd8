using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Paging;

/// <summary>
/// The last flushes that came to a vCPU. A translation that was computed before a flush and arrives after it must not enter the TLB: hardware walks
/// the tables itself and would not have had it.
/// </summary>
internal sealed class TlbFlushHistory
{
    private const int Remembered = 64;

    private GfnRange[] _flushes = new GfnRange[2];

    /// <summary>Flushes that ever came; also the mark for <see cref="HasSince"/>.</summary>
    public long Count { get; private set; }

    public void Add(GfnRange range)
    {
        if (Count == _flushes.Length && Count < Remembered) Array.Resize(ref _flushes, 2 * _flushes.Length);
        _flushes[Count++ % Remembered] = range;
    }

    /// <summary>Whether a flush after the mark covered the page; true also when there were more than are remembered.</summary>
    public bool HasSince(long mark, Gfn gfn)
    {
        if (Count - mark > Remembered) return true;
        for (var flush = mark; flush < Count; flush++)
            if (_flushes[flush % Remembered].Contains(gfn)) return true;
        return false;
    }
}
