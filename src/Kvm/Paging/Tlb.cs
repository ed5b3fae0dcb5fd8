using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// A vCPU's TLB: direct-mapped, and stale until flushed, which is what makes missing flushes visible. Larger than hardware's by default,
/// because a miss costs a call to the VM here and a few nanoseconds there.
/// </summary>
[CellContent]
public sealed class Tlb
{
    private readonly Translation[] _entries;
    private readonly long _mask;

    /// <param name="entries">a power of two</param>
    public Tlb(int entries)
    {
        if (entries <= 0 || (entries & (entries - 1)) != 0)
            throw new ArgumentOutOfRangeException(nameof(entries), entries, "a power of two is needed");
        _entries = new Translation[entries];
        _mask = entries - 1;
        Clear();
    }

    public bool TryTranslate(Gfn gfn, bool write, out Translation translation)
    {
        ref readonly var entry = ref _entries[gfn.Value & _mask];
        translation = entry;
        return entry.Gfn == gfn && (entry.Writable || !write);
    }

    public void Fill(in Translation translation) => _entries[translation.Gfn.Value & _mask] = translation;

    public void Flush(GfnRange range)
    {
        if (range.Pages >= _entries.Length)
        {
            for (var i = 0; i < _entries.Length; i++)
                if (range.Contains(_entries[i].Gfn))
                    _entries[i] = Nothing;
            return;
        }

        for (var gfn = range.Start; gfn < range.End; gfn += 1)
            if (_entries[gfn.Value & _mask].Gfn == gfn)
                _entries[gfn.Value & _mask] = Nothing;
    }

    public void Clear() => Array.Fill(_entries, Nothing);

    private static readonly Translation Nothing = new(new Gfn(-1), default, Pfn.None, false);
}

/// <summary>What a hardware walk finds and a TLB caches.</summary>
public readonly record struct Translation(Gfn Gfn, Hva Hva, Pfn Pfn, bool Writable);

/// <summary>
/// The last flushes that came to a vCPU. A translation that was computed before a flush and arrives after it must not enter the TLB:
/// hardware walks the tables itself and would not have had it.
/// </summary>
[CellContent]
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
