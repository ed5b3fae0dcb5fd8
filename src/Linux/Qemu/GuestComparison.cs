using Livebed.Kvm.Guests;
using Livebed.Linux.Interop;
using Livebed.Linux.Recording;

namespace Livebed.Linux.Qemu;

/// <summary>The RAM of two guests, page by page, from outside.</summary>
internal static class GuestComparison
{
    private const int PagesAtOnce = 256;

    /// <returns>the pages that differ, by their numbers in the RAM</returns>
    /// <exception cref="QemuException">The guests are not of one size.</exception>
    /// <exception cref="SystemCallException">Their memory may not be read.</exception>
    public static List<PageRun> Differences(int left, int right)
    {
        var (of, to) = (GuestRam.Of(left), GuestRam.Of(right));
        if (of.Pages != to.Pages || of.Ranges!.Count != 1 || to.Ranges!.Count != 1)
            throw new QemuException("the two guests have RAM of different sizes", isUsage: false);
        var differences = new List<PageRun>();
        var buffers = (Left: new byte[PagesAtOnce * RemoteMemory.PageSize], Right: new byte[PagesAtOnce * RemoteMemory.PageSize]);
        for (var page = 0L; page < of.Pages; page += PagesAtOnce)
        {
            var bytes = (int)Math.Min(PagesAtOnce, of.Pages - page) * RemoteMemory.PageSize;
            Read(left, of.Ranges[0].Start, page, buffers.Left.AsSpan(0, bytes));
            Read(right, to.Ranges[0].Start, page, buffers.Right.AsSpan(0, bytes));
            for (var at = 0; at < bytes; at += RemoteMemory.PageSize)
                if (!buffers.Left.AsSpan(at, RemoteMemory.PageSize).SequenceEqual(buffers.Right.AsSpan(at, RemoteMemory.PageSize)))
                    differences.Append(page + at / RemoteMemory.PageSize, 1);
        }

        return differences;
    }

    private static void Read(int process, ulong start, long page, Span<byte> into)
    {
        var read = RemoteMemory.Read(process, start + (ulong)page * (ulong)RemoteMemory.PageSize, into);
        if (read != into.Length) throw new SystemCallException("process_vm_readv", read < 0 ? -read : SystemCallException.BadAddress);
    }
}
