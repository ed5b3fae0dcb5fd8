using Livebed.Linux.Interop;

namespace Livebed.Linux.Kvm;

/// <summary>
/// A timer of the kernel that sends a signal to the thread that made it, so that a system call of that thread finds a signal pending in its
/// midst. The handler is one instruction, a return, in a page of its own: nothing of the runtime runs.
/// </summary>
internal sealed unsafe class ThreadInterrupter : IDisposable
{
    /// <summary>SIGUSR2, which the runtime does not use.</summary>
    private const int Signal = 12;
    private const int ToThread = 4;
    private const int Monotonic = 1;

    private const nint TimerCreate = 222;
    private const nint TimerSetTime = 223;
    private const nint TimerDelete = 226;
    private const nint GetThreadId = 186;

    private readonly nint _code;
    private readonly nint _handlerBefore;
    private readonly int _timer;

    /// <exception cref="KvmException">The kernel makes no timer.</exception>
    public ThreadInterrupter()
    {
        var bytes = (nuint)Environment.SystemPageSize;
        _code = Libc.Map(0, bytes, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapPrivate | Libc.MapAnonymous, -1, 0);
        if (_code == -1) throw KvmException.Last("memory cannot be had");
        *(byte*)_code = 0xc3;
        if (Libc.Protect(_code, bytes, Libc.ProtectRead | Libc.ProtectExecute) < 0) throw KvmException.Last("memory cannot be executed");
        _handlerBefore = Libc.Signal(Signal, _code);
        // struct sigevent: value, signal, how, thread.
        var target = stackalloc byte[64];
        new Span<byte>(target, 64).Clear();
        *(int*)(target + 8) = Signal;
        *(int*)(target + 12) = ToThread;
        *(int*)(target + 16) = (int)Libc.SystemCall(GetThreadId, 0, 0, 0, 0, 0, 0);
        int timer;
        if (Libc.SystemCall(TimerCreate, Monotonic, (nint)target, (nint)(&timer), 0, 0, 0) < 0)
            throw KvmException.Last("a timer cannot be made");
        _timer = timer;
    }

    /// <summary>One signal, so much later.</summary>
    /// <exception cref="KvmException">The kernel does not set the timer.</exception>
    public void SignalIn(TimeSpan time)
    {
        // struct itimerspec: the interval, of which there is none, and the first time.
        var times = stackalloc TimeSpec[2];
        times[0] = default;
        times[1] = new TimeSpec { Nanoseconds = (long)time.TotalNanoseconds };
        if (Libc.SystemCall(TimerSetTime, _timer, 0, (nint)times, 0, 0, 0) < 0) throw KvmException.Last("a timer cannot be set");
    }

    public void Dispose()
    {
        _ = Libc.SystemCall(TimerDelete, _timer, 0, 0, 0, 0, 0);
        _ = Libc.Signal(Signal, _handlerBefore);
        _ = Libc.Unmap(_code, (nuint)Environment.SystemPageSize);
    }
}
