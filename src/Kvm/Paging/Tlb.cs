using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Paging;

/// <summary>
/// A vCPU's TLB: direct-mapped, and stale until flushed, which is what makes missing flushes visible. Larger than hardware's by default,
/// because a miss costs a call to the VM here and a few nanoseconds there.
/// </summary>
public sealed class Tlb
{
    private readonly Translation[] _entries;
    private readonly long _mask;

    /// <param name="entries">a power of two</param>
    public Tlb(int entries)
    {
        if (entries <= 0 || (entries & (entries - 1)) != 0) throw new ArgumentOutOfRangeException(nameof(entries), entries, "a power of two is needed");
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
