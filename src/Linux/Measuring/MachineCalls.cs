using System.Runtime.InteropServices;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Measuring;

/// <summary>The system calls that are measured, and those that put a thread on a CPU. What is measured is imported here and not from
/// <see cref="Libc"/>: to keep the error number costs two more calls of the runtime, which would count as the system call's time.</summary>
public static class MachineCalls
{
    public const int PageBytes = 4096;
    public const int ReadWrite = 3;
    public const int ReadOnly = 1;

    private const int CpuBytes = 128;

    /// <summary>Maps anonymous memory, without huge pages.</summary>
    public static nint Map(nint bytes)
    {
        var at = Libc.Map(0, (nuint)bytes, ReadWrite, Libc.MapPrivate | Libc.MapAnonymous, -1, 0);
        if (at == -1) throw new IOException($"mmap failed with error {Libc.LastError}");
        _ = Libc.Advise(at, (nuint)bytes, Libc.NoHugePage);
        return at;
    }

    public static void Unmap(nint at, nint bytes) => _ = Libc.Unmap(at, (nuint)bytes);

    public static void Protect(nint at, nint bytes, int protection) => _ = mprotect(at, bytes, protection);

    public static void Discard(nint at, nint bytes) => _ = madvise(at, bytes, Libc.DontNeed);

    /// <summary>The CPUs that this process may use.</summary>
    public static IReadOnlyList<int> Cpus()
    {
        var mask = new byte[CpuBytes];
        _ = sched_getaffinity(0, CpuBytes, mask);
        return [.. Enumerable.Range(0, 8 * CpuBytes).Where(cpu => (mask[cpu / 8] & (1 << (cpu % 8))) != 0)];
    }

    /// <summary>The calling thread runs on that CPU alone.</summary>
    public static void Pin(int cpu)
    {
        var mask = new byte[CpuBytes];
        mask[cpu / 8] |= (byte)(1 << (cpu % 8));
        _ = sched_setaffinity(0, CpuBytes, mask);
    }

    /// <summary>A pipe: what is read, what is written.</summary>
    public static (int From, int To) Pipe()
    {
        var ends = new int[2];
        if (pipe(ends) != 0) throw new IOException($"pipe failed with error {Marshal.GetLastPInvokeError()}");
        return (ends[0], ends[1]);
    }

    public static void Send(int to)
    {
        byte one = 1;
        _ = write(to, ref one, 1);
    }

    public static void Receive(int from)
    {
        byte one = 0;
        _ = read(from, ref one, 1);
    }

    public static void Close(int end) => _ = Libc.Close(end);

    [DllImport("libc")]
    private static extern int mprotect(nint address, nint length, int protection);

    [DllImport("libc")]
    private static extern int madvise(nint address, nint length, int advice);

    [DllImport("libc")]
    private static extern int sched_getaffinity(int process, nint bytes, byte[] mask);

    [DllImport("libc")]
    private static extern int sched_setaffinity(int process, nint bytes, byte[] mask);

    [DllImport("libc", SetLastError = true)]
    private static extern int pipe(int[] ends);

    [DllImport("libc")]
    private static extern nint read(int file, ref byte buffer, nint bytes);

    [DllImport("libc")]
    private static extern nint write(int file, ref byte buffer, nint bytes);
}
