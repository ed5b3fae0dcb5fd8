using System.Globalization;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Kvm;

/// <summary>
/// The memory that a machine's memslots lie on, and the system calls that change how it is mapped. A page that is unmapped becomes one that
/// nothing may touch: an address that is free could be given to another part of this process. Each call returns 0 or an error number.
/// </summary>
internal sealed unsafe class ScriptMemory : IDisposable
{
    private const int NoSuchArea = 22;
    private const string KsmRun = "/sys/kernel/mm/ksm/run";
    private const string KsmFullScans = "/sys/kernel/mm/ksm/full_scans";

    /// <summary>A page is merged at its second visit at the earliest.</summary>
    private const int KsmScans = 3;

    private static readonly TimeSpan _ksmPatience = TimeSpan.FromSeconds(20);

    /// <summary>MFD_CLOEXEC, and MFD_HUGETLB | MFD_HUGE_2MB.</summary>
    private const uint CloseOnExec = 1;
    private const uint OfHugePages = 4 | 21U << 26;
    private const nint HugeBytes = 2 << 20;

    private readonly nint _reserved;
    private readonly nuint _reservedBytes;
    private readonly nint _start;
    private readonly long _pages;
    private readonly int _file = -1;

    /// <param name="pages">how many; of huge pages, a multiple of 512</param>
    /// <param name="backing">what they are</param>
    /// <exception cref="KvmException">There is no memory.</exception>
    public ScriptMemory(long pages, KvmBacking backing)
    {
        _pages = pages;
        var isHuge = backing == KvmBacking.Hugetlb;
        if (backing != KvmBacking.Private)
        {
            _file = Libc.CreateFile("livebed", CloseOnExec | (isHuge ? OfHugePages : 0));
            if (_file < 0 || Libc.Truncate(_file, (nint)(pages * PageBytes)) < 0) throw KvmException.Last("memory of a file cannot be had");
        }

        // Huge pages lie at multiples of their size.
        _reservedBytes = Bytes(pages) + (isHuge ? (nuint)HugeBytes : 0);
        _reserved = Libc.Map(0, _reservedBytes, Libc.ProtectNone, Libc.MapPrivate | Libc.MapAnonymous | Libc.MapNoReserve, -1, 0);
        if (_reserved == -1) throw KvmException.Last("memory cannot be had");
        _start = isHuge ? (_reserved + HugeBytes - 1) / HugeBytes * HugeBytes : _reserved;
        if (Map(0, pages) == 0) return;
        var failure = KvmException.Last(isHuge ? "huge pages cannot be had, as many as /proc/sys/vm/nr_hugepages" : "memory cannot be had");
        Dispose();
        throw failure;
    }

    public static int PageBytes => Environment.SystemPageSize;

    /// <summary>Whether KSM is on: this process never switches it on, since it is the whole machine's.</summary>
    public static bool IsMergingOn => ReadFigure(KsmRun) == 1;

    public ulong AddressOf(long page) => (ulong)(_start + (nint)(page * PageBytes));

    /// <summary>This process writes a word, as far as its page table lets it.</summary>
    public int Write(long page, uint value)
    {
        var local = new IoVector { Base = (nint)(&value), Length = sizeof(uint) };
        var remote = new IoVector { Base = (nint)AddressOf(page), Length = sizeof(uint) };
        return Error(Libc.WriteMemory(Environment.ProcessId, &local, 1, &remote, 1, 0));
    }

    /// <summary>This process reads a word of a page that is mapped.</summary>
    /// <param name="page">of this memory</param>
    /// <param name="offset">in bytes</param>
    public uint Read(long page, int offset = 0) => Volatile.Read(ref *(uint*)(AddressOf(page) + (ulong)offset));

    public int DontNeed(long page, long pages) => Error(Libc.Advise((nint)AddressOf(page), Bytes(pages), Libc.DontNeed));

    public int Unmap(long page, long pages) => Error(Libc.Map(
        (nint)AddressOf(page), Bytes(pages), Libc.ProtectNone,
        Libc.MapPrivate | Libc.MapAnonymous | Libc.MapNoReserve | Libc.MapFixed, -1, 0));

    public int Map(long page, long pages)
    {
        var flags = (_file < 0 ? Libc.MapPrivate | Libc.MapAnonymous : Libc.MapShared) | Libc.MapFixed;
        var offset = _file < 0 ? 0 : (nint)(page * PageBytes);
        var mapped = Libc.Map((nint)AddressOf(page), Bytes(pages), Libc.ProtectRead | Libc.ProtectWrite, flags, _file, offset);
        if (mapped == -1) return Libc.LastError;
        // A kernel without transparent huge pages does not know the advice.
        var advised = Error(Libc.Advise((nint)AddressOf(page), Bytes(pages), Libc.NoHugePage));
        return advised == NoSuchArea ? 0 : advised;
    }

    public int Protect(long page, long pages, bool isWritable) => Error(Libc.Protect(
        (nint)AddressOf(page), Bytes(pages), isWritable ? Libc.ProtectRead | Libc.ProtectWrite : Libc.ProtectRead));

    /// <summary>Page by page: a call for pages of different kinds is refused.</summary>
    public int Move(long page, long pages, long to)
    {
        for (var moved = 0L; moved < pages; moved++)
        {
            var (from, target) = ((nint)AddressOf(page + moved), (nint)AddressOf(to + moved));
            if (Libc.Remap(from, Bytes(1), Bytes(1), Libc.MoveAndKeepMapped, target) == -1) return Libc.LastError;
            var error = Unmap(page + moved, 1);
            if (error != 0) return error;
        }

        return 0;
    }

    /// <summary>Waits until KSM has looked at this memory often enough, where it is on.</summary>
    /// <param name="stop">ends the wait early</param>
    /// <exception cref="KvmException">It is on and does not come round in time.</exception>
    public int Merge(CancellationToken stop)
    {
        if (_file >= 0 || !IsMergingOn) return 0;
        var error = Error(Libc.Advise((nint)AddressOf(0), Bytes(_pages), Libc.Mergeable));
        if (error != 0) return error;
        var last = ReadFigure(KsmFullScans) + KsmScans;
        for (var begun = Environment.TickCount64; ReadFigure(KsmFullScans) < last && !stop.IsCancellationRequested; Thread.Sleep(1))
            if (Environment.TickCount64 - begun > _ksmPatience.TotalMilliseconds)
                throw new KvmException($"KSM did not look at all pages {KsmScans} times in {_ksmPatience.TotalSeconds} s");
        return 0;
    }

    public void Dispose()
    {
        _ = Libc.Unmap(_reserved, _reservedBytes);
        if (_file >= 0) _ = Libc.Close(_file);
    }

    private static nuint Bytes(long pages) => (nuint)(pages * PageBytes);

    private static int Error(nint result) => result == -1 ? Libc.LastError : 0;

    private static long ReadFigure(string file)
    {
        try
        {
            return long.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
