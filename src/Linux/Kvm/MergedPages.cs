using Livebed.Linux.Interop;

namespace Livebed.Linux.Kvm;

/// <summary>
/// Which pages of a machine's memory KSM has merged, as <c>/proc/self/pagemap</c> says: a page that is there, has content, and is mapped
/// more than once, where nothing forks. It is looked at now and then; what is merged and written between two looks is not seen, so both
/// counts are lower bounds.
/// </summary>
internal sealed unsafe class MergedPages : IDisposable
{
    private const ulong Present = 1UL << 63;
    private const ulong MappedOnce = 1UL << 56;

    private readonly KvmMachine _machine;
    private readonly int _descriptor;
    private readonly ulong[] _entries;

    /// <summary>What a page held when it was merged; 0 for one that is not. It stays KSM's until it is written, also as the last that maps
    /// its frame.</summary>
    private readonly uint[] _merged;

    /// <exception cref="KvmException">This process may not see its page map.</exception>
    public MergedPages(KvmMachine machine, int pages)
    {
        _machine = machine;
        (_entries, _merged) = (new ulong[pages], new uint[pages]);
        _descriptor = Libc.Open("/proc/self/pagemap", Libc.ReadOnly | Libc.CloseOnExec);
        if (_descriptor < 0) throw KvmException.Last("the page map of this process cannot be read");
    }

    /// <summary>Pages that became merged.</summary>
    public long Merged { get; private set; }

    /// <summary>Pages that were written when they were merged: each was copied then.</summary>
    public long Unshared { get; private set; }

    /// <exception cref="KvmException">The page map cannot be read.</exception>
    public void Look()
    {
        var first = (long)(_machine.AddressOf(0) / (ulong)ScriptMemory.PageBytes) * sizeof(ulong);
        var bytes = (nint)_entries.Length * sizeof(ulong);
        fixed (ulong* entries = _entries)
            if (Libc.Read(_descriptor, entries, (nuint)bytes, first) != bytes)
                throw KvmException.Last("the page map of this process cannot be read");
        for (var page = 0; page < _entries.Length; page++)
        {
            var value = _machine.UserRead(page);
            if (_merged[page] != 0 && _merged[page] != value)
            {
                Unshared++;
                _merged[page] = 0;
            }

            // The zero page is mapped more than once, and KSM's is not.
            if (value == 0 || _merged[page] != 0 || (_entries[page] & (Present | MappedOnce)) != Present) continue;
            Merged++;
            _merged[page] = value;
        }
    }

    public void Dispose() => _ = Libc.Close(_descriptor);
}
