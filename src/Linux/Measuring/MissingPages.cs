using System.Diagnostics;
using System.Runtime.InteropServices;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Measuring;

/// <summary>
/// What a page costs that user space provides, as in post-copy: one thread touches missing pages of this process, another is told of each
/// by userfaultfd and fills it (<c>UFFDIO_COPY</c>).
/// </summary>
public static unsafe partial class MissingPages
{
    private const nuint ApiRequest = 0xc018aa3f;
    private const nuint RegisterRequest = 0xc020aa00;
    private const nuint UnregisterRequest = 0x8010aa01;
    private const nuint CopyRequest = 0xc028aa03;
    private const ulong ApiVersion = 0xaa;
    private const ulong Missing = 1;

    /// <summary>UFFD_USER_MODE_ONLY, which needs no privilege, and O_CLOEXEC.</summary>
    private const int Flags = 1 | Libc.CloseOnExec;

    /// <summary>Touches so many pages, one after the other.</summary>
    /// <returns>nanoseconds of each</returns>
    /// <exception cref="SystemCallException">The system refuses userfaultfd.</exception>
    public static double Measure(int pages)
    {
        var bytes = (nint)pages * MachineCalls.PageBytes;
        var at = MachineCalls.Map(bytes);
        var number = MachineCode.OfProcess?.Userfaultfd ?? throw new SystemCallException("userfaultfd", SystemCallException.NoSuchCall);
        try
        {
            var descriptor = (int)SystemCallException.Check(Libc.SystemCall(number, Flags, 0, 0, 0, 0, 0), "userfaultfd");
            try
            {
                Register(descriptor, at, bytes);
                var filler = new Thread(() => Fill(descriptor, at, pages)) { IsBackground = true };
                filler.Start();
                var begun = Stopwatch.GetTimestamp();

                // By a call: a thread that waits in managed code for a page would keep the garbage collector waiting, and so the filler.
                for (var page = 0; page < pages; page++) Touch(at + (nint)page * MachineCalls.PageBytes, 1, 1);
                var each = Stopwatch.GetElapsedTime(begun).TotalNanoseconds / pages;
                filler.Join();
                return each;
            }
            finally
            {
                _ = Libc.Close(descriptor);
            }
        }
        finally
        {
            MachineCalls.Unmap(at, bytes);
        }
    }

    private static void Register(int descriptor, nint at, nint bytes)
    {
        var api = stackalloc ulong[] { ApiVersion, 0, 0 };
        SystemCallException.Check(Libc.Ioctl(descriptor, ApiRequest, api), "UFFDIO_API");
        var range = stackalloc ulong[] { (ulong)at, (ulong)bytes, Missing, 0 };
        SystemCallException.Check(Libc.Ioctl(descriptor, RegisterRequest, range), "UFFDIO_REGISTER");
    }

    private static void Fill(int descriptor, nint at, int pages)
    {
        const int MessageBytes = 32;
        const int AddressAt = 2;
        var message = stackalloc ulong[MessageBytes / sizeof(ulong)];
        var copy = stackalloc ulong[5];
        var source = NativeMemory.AlignedAlloc(MachineCalls.PageBytes, MachineCalls.PageBytes);
        new Span<byte>(source, MachineCalls.PageBytes).Fill(1);

        // A page may be told of twice, if a signal came to the thread that waits for it.
        for (var left = pages; left > 0;)
        {
            if (Read(descriptor, message, MessageBytes) != MessageBytes) break;
            copy[0] = message[AddressAt] & ~(ulong)(MachineCalls.PageBytes - 1);
            (copy[1], copy[2], copy[3], copy[4]) = ((ulong)source, MachineCalls.PageBytes, 0, 0);
            if (Libc.Ioctl(descriptor, CopyRequest, copy) == 0) left--;
        }

        // Whatever happened, the thread that touches goes on.
        (copy[0], copy[1]) = ((ulong)at, (ulong)pages * MachineCalls.PageBytes);
        _ = Libc.Ioctl(descriptor, UnregisterRequest, copy);
        NativeMemory.AlignedFree(source);
    }

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, void* buffer, nuint bytes);

    [LibraryImport("libc", EntryPoint = "memset")]
    private static partial nint Touch(nint at, int value, nuint bytes);
}
