using System.Runtime.InteropServices;
using Livebed.Kvm.Guests;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Recording;

/// <summary>Another process's memory, as process_vm_readv has it. Reading changes nothing there.</summary>
internal static unsafe class RemoteMemory
{
    private const int BufferPages = 256;

    /// <summary>Bytes of a page of this machine.</summary>
    public static int PageSize { get; } = Environment.SystemPageSize;

    /// <returns>bytes that were read, which may be fewer; negative error number where none was</returns>
    public static int Read(int process, ulong address, Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            var local = new IoVector { Base = (nint)bytes, Length = (nuint)buffer.Length };
            var remote = new IoVector { Base = (nint)address, Length = (nuint)buffer.Length };
            var read = Libc.ReadMemory(process, &local, 1, &remote, 1, 0);
            return read == -1 ? -Marshal.GetLastPInvokeError() : (int)read;
        }
    }

    /// <summary>Goes through the pages of runs, which are page numbers: addresses over <see cref="PageSize"/>. One that has gone
    /// meanwhile is passed over.</summary>
    /// <param name="process">whose</param>
    /// <param name="runs">which</param>
    /// <param name="look">given a page's number and its bytes</param>
    /// <param name="stop">ends it early</param>
    /// <exception cref="SystemCallException">The memory may not be read, or the process has ended.</exception>
    public static void ReadPages(int process, IReadOnlyList<PageRun> runs, PageLook look, CancellationToken stop)
    {
        var buffer = new byte[BufferPages * PageSize];
        foreach (var run in runs)
            for (var page = run.First; page < run.End && !stop.IsCancellationRequested;)
            {
                var bytes = (int)Math.Min(run.End - page, BufferPages) * PageSize;
                var read = Read(process, (ulong)page * (ulong)PageSize, buffer.AsSpan(0, bytes));
                if (read < 0 && -read != SystemCallException.BadAddress) throw new SystemCallException("process_vm_readv", -read);
                var pages = Math.Max(read, 0) / PageSize;
                for (var index = 0; index < pages; index++) look(page + index, buffer.AsSpan(index * PageSize, PageSize));
                page += pages == 0 ? 1 : pages;
            }
    }
}

/// <summary>What to do with a page's bytes.</summary>
internal delegate void PageLook(long page, ReadOnlySpan<byte> bytes);
