using System.Runtime.InteropServices;

namespace Livebed.Linux.Measuring;

/// <summary>The system calls that are measured, and those that put a thread on a CPU.</summary>
public static class MachineCalls
{
    public const int PageBytes = 4096;
    public const int ReadWrite = 3;
    public const int ReadOnly = 1;
    public const int DontNeed = 4;
    public const int NoHugePages = 15;

    private const int PrivateAnonymous = 0x22;
    private const int CpuBytes = 128;

    /// <summary>Maps anonymous memory, without huge pages.</summary>
    public static nint Map(nint bytes)
    {
        var at = mmap(0, bytes, ReadWrite, PrivateAnonymous, -1, 0);
        if (at == -1) throw new IOException($"mmap failed with error {Marshal.GetLastPInvokeError()}");
        _ = madvise(at, bytes, NoHugePages);
        return at;
    }

    public static void Unmap(nint at, nint bytes) => _ = munmap(at, bytes);

    public static void Protect(nint at, nint bytes, int protection) => _ = mprotect(at, bytes, protection);

    public static void Discard(nint at, nint bytes) => _ = madvise(at, bytes, DontNeed);

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

    public static void Close(int end) => _ = close(end);

    [DllImport("libc", SetLastError = true)]
    private static extern nint mmap(nint address, nint length, int protection, int flags, int file, nint offset);

    [DllImport("libc")]
    private static extern int munmap(nint address, nint length);

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

    [DllImport("libc")]
    private static extern int close(int file);
}
