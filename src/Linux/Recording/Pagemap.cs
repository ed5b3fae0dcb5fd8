using Livebed.Kvm.Guests;
using Livebed.Linux.Interop;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>
/// <c>/proc/PID/pagemap</c> as every kernel has it: 64 bits a page (Documentation/admin-guide/mm/pagemap.rst). Bit 63 says that the page is
/// there, bit 62 that it is swapped out, bit 61 that it is of a file or shared, bit 55 that it is soft-dirty.
/// </summary>
internal sealed unsafe class Pagemap : IDisposable
{
    public const ulong Present = 1UL << 63;
    public const ulong Swapped = 1UL << 62;
    public const ulong Shared = 1UL << 61;
    public const ulong SoftDirty = 1UL << 55;

    private const int EntriesAtOnce = 1 << 15;

    private readonly int _descriptor;
    private readonly ulong[] _entries = new ulong[EntriesAtOnce];

    /// <exception cref="SystemCallException">The process may not be looked into.</exception>
    public Pagemap(int process) => _descriptor = (int)SystemCallException.Check(
        Libc.Open($"/proc/{process}/pagemap", Libc.ReadOnly | Libc.CloseOnExec), "pagemap");

    /// <summary>Appends the pages of a mapping that are there or swapped out, its own, and have all of the bits.</summary>
    /// <exception cref="SystemCallException">The process has ended.</exception>
    public void Find(ProcessMapping mapping, ulong bits, List<PageRun> into)
    {
        var page = (long)(mapping.Start / (ulong)RemoteMemory.PageSize);
        var end = (long)(mapping.End / (ulong)RemoteMemory.PageSize);
        while (page < end)
        {
            var wanted = (int)Math.Min(EntriesAtOnce, end - page);
            nint read;
            fixed (ulong* entries = _entries)
                read = SystemCallException.Check(
                    Libc.Read(_descriptor, entries, (nuint)wanted * sizeof(ulong), page * sizeof(ulong)), "pagemap");
            var count = (int)read / sizeof(ulong);
            // The process has no memory any more.
            if (count == 0) throw new SystemCallException("pagemap", SystemCallException.NoSuchProcess);
            Append(_entries.AsSpan(0, count), page, bits, mapping.IsPrivate, into);
            page += count;
        }
    }

    /// <param name="entries">of pages from <paramref name="first"/> on</param>
    /// <param name="first">a page number</param>
    /// <param name="bits">all that a page must have</param>
    /// <param name="isPrivate">whether pages of a file are passed over: nothing wrote them</param>
    /// <param name="into">is appended to</param>
    public static void Append(ReadOnlySpan<ulong> entries, long first, ulong bits, bool isPrivate, List<PageRun> into)
    {
        for (var index = 0; index < entries.Length; index++)
        {
            var entry = entries[index];
            if ((entry & (Present | Swapped)) == 0 || (entry & bits) != bits || (isPrivate && (entry & Shared) != 0)) continue;
            into.Append(first + index, 1);
        }
    }

    public void Dispose() => _ = Libc.Close(_descriptor);
}
