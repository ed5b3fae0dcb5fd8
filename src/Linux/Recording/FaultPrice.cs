using System.Runtime.InteropServices;
using Livebed.Kvm.Guests;
using Livebed.Linux.Interop;
using Livebed.Linux.Measuring;

namespace Livebed.Linux.Recording;

/// <summary>
/// What a page fault of a recording costs on this machine, measured on memory of this process: under a microsecond on a processor of its
/// own, over ten on a virtual machine whose page tables its host shadows. It is processor time, since a thread that waits for a processor
/// does not pay for a fault, and the least of several rounds, as other work cools caches.
/// </summary>
internal static class FaultPrice
{
    private const int Pages = 128;
    private const int Rounds = 8;

    /// <returns>microseconds a page</returns>
    public static double Measure()
    {
        var bytes = (nint)Pages * MachineCalls.PageBytes;
        var at = MachineCalls.Map(bytes);
        try
        {
            return MeasureProtected(at, bytes);
        }
        catch (Exception exception) when (exception is SystemCallException or BackendException)
        {
            // It may be that only the recorded process is allowed a userfaultfd. Pages that are not there cost about as much.
            return Least(at, () => MachineCalls.Discard(at, bytes));
        }
        finally
        {
            MachineCalls.Unmap(at, bytes);
        }
    }

    private static double MeasureProtected(nint at, nint bytes)
    {
        using var userfaultfd = Userfaultfd.OfThisProcess();
        SystemCallException.Check(userfaultfd.Register((ulong)at, (ulong)(at + bytes)) == 0 ? 0 : -1, "UFFDIO_REGISTER");
        using var scan = new PagemapScan(Environment.ProcessId);
        var runs = new List<PageRun>();
        const PageCategories Written = PageCategories.Protectable | PageCategories.Written;
        return Least(at, () => scan.Scan(
            (ulong)at, (ulong)(at + bytes), Written, PageCategories.None, PageCategories.Present, true, runs));
    }

    private static double Least(nint at, Action protect)
    {
        WriteAll(at);
        var least = double.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            protect();
            var begun = ThreadMicroseconds();
            WriteAll(at);
            least = Math.Min(least, (ThreadMicroseconds() - begun) / Pages);
        }

        return least;
    }

    /// <summary>That this thread had on a processor.</summary>
    private static unsafe double ThreadMicroseconds()
    {
        const int OfThread = 3;
        var time = default(TimeSpec);
        SystemCallException.Check(Libc.GetTime(OfThread, &time), "clock_gettime");
        return time.Seconds * 1e6 + time.Nanoseconds / 1e3;
    }

    private static void WriteAll(nint at)
    {
        for (var page = 0; page < Pages; page++) Marshal.WriteByte(at + page * MachineCalls.PageBytes, 1);
    }
}
