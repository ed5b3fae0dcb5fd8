using System.Runtime.InteropServices;
using Livebed.Kvm.Guests;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Recording;

/// <summary>The kinds of pages that PAGEMAP_SCAN tells apart (include/uapi/linux/fs.h).</summary>
[Flags]
internal enum PageCategories : ulong
{
    None = 0,

    /// <summary>In a range that a userfaultfd protects without waiting.</summary>
    Protectable = 1 << 0,
    Written = 1 << 1,

    /// <summary>Of a file or of shared memory.</summary>
    File = 1 << 2,
    Present = 1 << 3,
    Swapped = 1 << 4,

    /// <summary>The kernel's one page of zeros.</summary>
    ZeroPage = 1 << 5,
}

/// <summary>
/// <c>ioctl(PAGEMAP_SCAN)</c> of another process's page tables, Linux 6.7 and later: <c>do_pagemap_scan</c> of fs/proc/task_mmu.c. Which
/// pages are of the categories asked for, and in the same step protects them again.
/// </summary>
internal sealed unsafe class PagemapScan : IDisposable
{
    private const nuint Request = 0xc0606610;
    private const ulong ProtectMatching = 1;
    private const int RegionsAtOnce = 1 << 14;

    /// <summary>Behind every address that a process has unless it asks for more: 48 bits on arm64, 47 bits less a page on
    /// x86-64.</summary>
    public static ulong AddressesEnd { get; } = RuntimeInformation.ProcessArchitecture == Architecture.Arm64
        ? 1UL << 48
        : (1UL << 47) - 4096;

    private readonly int _descriptor;
    private readonly Region* _regions = (Region*)NativeMemory.Alloc(RegionsAtOnce, (nuint)sizeof(Region));

    /// <exception cref="SystemCallException">The process may not be looked into.</exception>
    public PagemapScan(int process) => _descriptor = (int)SystemCallException.Check(
        Libc.Open($"/proc/{process}/pagemap", Libc.ReadOnly | Libc.CloseOnExec), "pagemap");

    /// <summary>Appends the pages of the given categories.</summary>
    /// <param name="start">first address</param>
    /// <param name="end">behind the last address</param>
    /// <param name="all">categories that a page has</param>
    /// <param name="none">that it has not</param>
    /// <param name="any">of which it has one</param>
    /// <param name="protects">whether they are protected again</param>
    /// <param name="into">is appended to</param>
    /// <exception cref="SystemCallException">The kernel has no such call, or the process has ended.</exception>
    public void Scan(
        ulong start, ulong end, PageCategories all, PageCategories none, PageCategories any, bool protects, List<PageRun> into)
    {
        var pageSize = (ulong)RemoteMemory.PageSize;
        var argument = new Argument
        {
            Size = (ulong)sizeof(Argument),
            Flags = protects ? ProtectMatching : 0UL,
            Start = start,
            End = end,
            Regions = (ulong)_regions,
            RegionCount = RegionsAtOnce,
            Inverted = (ulong)none,
            All = (ulong)(all | none),
            Any = (ulong)any,
            Returned = (ulong)any,
        };
        while (argument.Start < end)
        {
            var found = (int)SystemCallException.Check(Libc.Ioctl(_descriptor, Request, &argument), "PAGEMAP_SCAN");
            for (var index = 0; index < found; index++)
                into.Append((long)(_regions[index].Start / pageSize), (long)((_regions[index].End - _regions[index].Start) / pageSize));
            if (argument.WalkEnd <= argument.Start) break;
            argument.Start = argument.WalkEnd;
        }
    }

    public void Dispose()
    {
        _ = Libc.Close(_descriptor);
        NativeMemory.Free(_regions);
    }

    /// <summary><c>struct page_region</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Region
    {
        public ulong Start;
        public ulong End;
        public ulong Categories;
    }

    /// <summary><c>struct pm_scan_arg</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Argument
    {
        public ulong Size;
        public ulong Flags;
        public ulong Start;
        public ulong End;
        public ulong WalkEnd;
        public ulong Regions;
        public ulong RegionCount;
        public ulong PagesMax;
        public ulong Inverted;
        public ulong All;
        public ulong Any;
        public ulong Returned;
    }
}
