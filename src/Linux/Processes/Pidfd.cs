using System.Runtime.InteropServices;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Processes;

/// <summary>A descriptor of a process: it means that process and no later one with the same number.</summary>
internal sealed unsafe class Pidfd : IDisposable
{
    private readonly int _descriptor;

    /// <exception cref="SystemCallException">There is no such process, or the kernel is older than 5.3.</exception>
    public Pidfd(int process)
    {
        Process = process;
        _descriptor = (int)SystemCallException.Check(Libc.SystemCall(MachineCode.PidfdOpen, process, 0, 0, 0, 0, 0), "pidfd_open");
    }

    public int Process { get; }

    /// <summary>Waits until the process has ended, or that time is over.</summary>
    /// <returns>whether it has ended</returns>
    public bool WaitForEnd(TimeSpan time)
    {
        var poll = new PollDescriptor { Descriptor = _descriptor, Events = PollDescriptor.In };
        var ticks = Math.Max(0, time.Ticks);
        var timeout = new TimeSpec
        {
            Seconds = ticks / TimeSpan.TicksPerSecond,
            Nanoseconds = ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick,
        };
        var result = Libc.Poll(&poll, 1, &timeout, null);
        // A signal of the runtime's own ends the wait early; the caller looks at its clock.
        return result > 0;
    }

    /// <summary>A copy of one of its descriptors (Linux 5.6).</summary>
    /// <returns>the copy; negative error number where it may not be had</returns>
    public int TryCopy(int descriptor)
    {
        var copy = (int)Libc.SystemCall(MachineCode.PidfdGetfd, _descriptor, descriptor, 0, 0, 0, 0);
        return copy == -1 ? -Marshal.GetLastPInvokeError() : copy;
    }

    public void Dispose() => _ = Libc.Close(_descriptor);
}
