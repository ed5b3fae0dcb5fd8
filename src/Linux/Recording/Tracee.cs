using System.Diagnostics;
using System.Runtime.InteropServices;
using Livebed.Linux.Interop;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>
/// One thread of another process, stopped by ptrace for as long as it takes to make system calls in its place. Nothing is written into its
/// memory: the call's instruction is one that its text already holds. Its registers are put back before it goes on, and a signal that came
/// meanwhile is handed over. All calls must come from one thread of the operating system, as ptrace asks.
/// </summary>
/// <remarks>
/// If this process dies between the first change of the registers and their restoration, the other one goes on with wrong registers. So
/// all that can be done before is done before: <see cref="InjectedMicroseconds"/> says how long that was.
/// </remarks>
internal sealed unsafe class Tracee : IDisposable
{
    private const int Continue = 7;
    private const int SingleStep = 9;
    private const int Detach = 17;
    private const int GetRegisters = 0x4204;
    private const int SetRegisters = 0x4205;
    private const int Seize = 0x4206;
    private const int Interrupt = 0x4207;
    private const int ProcessStatusNote = 1;
    private const int SystemCallNote = 0x404;
    private const int SuspendSeccomp = 1 << 21;
    private const int TrapSignal = 5;
    private const int NoHang = 1;
    private const int AnyThread = 0x40000000;
    private const int StopEvent = 128;
    private const int Stopped = 0x7f;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(2);

    private readonly MachineCode _machine;
    private readonly int _thread;
    private readonly ulong[] _saved;
    private readonly ulong[] _registers;
    private readonly ulong[] _after;
    private readonly ulong _instruction;
    private int _signal;

    /// <summary>Stops the thread.</summary>
    /// <param name="machine">of this process, and of the other one</param>
    /// <param name="thread">of the other process</param>
    /// <param name="instruction">address of an instruction that enters the kernel</param>
    /// <param name="isFiltered">whether the thread's system calls are filtered (seccomp), which is suspended for the stop</param>
    /// <exception cref="SystemCallException">It may not be stopped.</exception>
    /// <exception cref="BackendException">It does not stop, or it is a 32-bit process.</exception>
    public Tracee(MachineCode machine, int thread, ulong instruction, bool isFiltered)
    {
        (_machine, _thread, _instruction) = (machine, thread, instruction);
        (_saved, _registers) = (new ulong[machine.RegisterCount], new ulong[machine.RegisterCount]);
        _after = new ulong[machine.RegisterCount];
        try
        {
            Ask(Seize, 0, isFiltered ? SuspendSeccomp : 0);
        }
        catch (SystemCallException exception) when (isFiltered)
        {
            throw new BackendException("its system calls are filtered (seccomp), and only root may suspend that", exception);
        }

        try
        {
            Ask(Interrupt, 0, 0);
            AwaitStop();
            Access(GetRegisters, _saved);
            _saved.CopyTo(_registers, 0);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How long the registers were not the thread's own.</summary>
    public double InjectedMicroseconds { get; private set; }

    /// <summary>Lets the thread make a descriptor, copies it, and lets the thread close its own.</summary>
    /// <param name="process">whose thread it is</param>
    /// <param name="call">number of the call that makes the descriptor</param>
    /// <param name="flags">its only argument</param>
    /// <returns>the copy; where the thread's call failed, its error number, negative</returns>
    /// <exception cref="SystemCallException">The descriptor may not be copied.</exception>
    public int BorrowDescriptor(Pidfd process, int call, ulong flags)
    {
        // The runtime compiles what is called for the first time, which takes longer than the calls themselves: not meanwhile.
        _ = process.TryCopy(-1);
        _ = Step(call, flags, isTrial: true);
        var begun = Stopwatch.GetTimestamp();
        int made, copy;
        try
        {
            made = (int)Step(call, flags, isTrial: false);
            copy = made < 0 ? made : process.TryCopy(made);
            if (made >= 0) _ = Step(_machine.Close, (ulong)made, isTrial: false);
        }
        finally
        {
            Access(SetRegisters, _saved);
            InjectedMicroseconds = Stopwatch.GetElapsedTime(begun).TotalMicroseconds;
        }

        return made >= 0 && copy < 0 ? throw new SystemCallException("pidfd_getfd", -copy) : copy;
    }

    /// <summary>Lets the thread go on, with the signals that came.</summary>
    public void Dispose() => _ = Libc.SystemCall(_machine.Ptrace, Detach, _thread, 0, _signal, 0, 0);

    /// <param name="number">of the call</param>
    /// <param name="argument">its first argument</param>
    /// <param name="isTrial">does nothing</param>
    /// <returns>what the call returned</returns>
    private long Step(int number, ulong argument, bool isTrial)
    {
        if (isTrial) return 0;
        _registers[_machine.InstructionPointer] = _instruction;
        _registers[_machine.NumberRegister] = (ulong)number;
        _registers[_machine.ArgumentRegister] = argument;
        // Otherwise a call that the stop interrupted, as epoll_wait, would be begun again in place of this one.
        if (_machine.InterruptedCallRegister >= 0) _registers[_machine.InterruptedCallRegister] = ulong.MaxValue;
        Access(SetRegisters, _registers);
        if (_machine.InterruptedCallRegister < 0) ForgetInterruptedCall();
        while (true)
        {
            Ask(SingleStep, 0, 0);
            var (isEvent, signal) = NextStop();
            if (!isEvent && signal == TrapSignal) break;
            // The stop for a signal came before the step, which is asked for once more; the signal is kept.
            if (!isEvent) Keep(signal);
        }

        Access(GetRegisters, _after);
        return (long)_after[_machine.ResultRegister];
    }

    private void Access(int request, ulong[] registers)
    {
        fixed (ulong* words = registers)
        {
            var vector = new IoVector { Base = (nint)words, Length = (nuint)(registers.Length * sizeof(ulong)) };
            Ask(request, ProcessStatusNote, (nint)(&vector));
            if (vector.Length != (nuint)(registers.Length * sizeof(ulong)))
                throw new RecordingException("it is a 32-bit process; allowed: 64-bit processes, or --backend compare");
        }
    }

    private void ForgetInterruptedCall()
    {
        var none = -1;
        var vector = new IoVector { Base = (nint)(&none), Length = sizeof(int) };
        Ask(SetRegisters, SystemCallNote, (nint)(&vector));
    }

    private void Ask(int request, nint address, nint data) =>
        SystemCallException.Check(Libc.SystemCall(_machine.Ptrace, request, _thread, address, data, 0, 0), "ptrace");

    /// <summary>Until it stops for having been asked to; a signal that stops it first is delivered as it is.</summary>
    private void AwaitStop()
    {
        for (var (isEvent, signal) = NextStop(); !isEvent; (isEvent, signal) = NextStop()) Ask(Continue, 0, signal);
    }

    /// <returns>whether it is the stop that was asked for, and the signal of one that is not</returns>
    private (bool IsEvent, int Signal) NextStop()
    {
        int status;
        var begun = Stopwatch.GetTimestamp();
        while (true)
        {
            var result = Libc.Wait(_thread, &status, NoHang | AnyThread);
            if (result == _thread && (status & 0xff) == Stopped) return (status >> 16 == StopEvent, status >> 8 & 0xff);
            var elapsed = Stopwatch.GetElapsedTime(begun);
            var isOver = result == _thread || (result == -1 && Marshal.GetLastPInvokeError() != SystemCallException.Interrupted);
            if (isOver || elapsed > _patience) throw new BackendException(isOver ? "it has ended" : "it did not stop within 2 s");
            // It stops within microseconds, unless it waits for a disk.
            if (elapsed > TimeSpan.FromMilliseconds(1)) Thread.Sleep(1);
        }
    }

    private void Keep(int signal)
    {
        // One can be handed over at the end; the kernel is given any other one once more.
        if (_signal != 0) _ = Libc.Kill(_thread, _signal);
        _signal = signal;
    }
}
