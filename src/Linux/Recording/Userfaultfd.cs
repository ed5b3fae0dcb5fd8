using System.Globalization;
using System.Runtime.InteropServices;
using Livebed.Linux.Interop;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>
/// A userfaultfd of another process: its memory is what the descriptor acts on, and it was never prepared. The process makes the
/// descriptor, made to by <see cref="Tracee"/>, and it is copied from there. When the last copy is closed, also because this process is
/// killed, the kernel forgets all that was asked of it.
/// </summary>
internal sealed unsafe class Userfaultfd : IDisposable
{
    // include/uapi/linux/userfaultfd.h
    private const nuint ApiRequest = 0xc018aa3f;
    private const nuint RegisterRequest = 0xc020aa00;
    private const ulong Api = 0xaa;
    private const ulong WriteProtectHugeAndShared = 1 << 12;
    private const ulong WriteProtectUnpopulated = 1 << 13;
    private const ulong WriteProtectAsync = 1 << 15;
    private const ulong WriteProtectMode = 2;
    private const ulong UserModeOnly = 1;
    private const int SearchBytes = 1 << 16;

    private int _descriptor;

    private Userfaultfd(int descriptor, double microseconds) => (_descriptor, InjectedMicroseconds) = (descriptor, microseconds);

    /// <summary>How long the other process's thread had registers that were not its own.</summary>
    public double InjectedMicroseconds { get; }

    /// <summary>Must be called from one thread of the operating system, as ptrace asks.</summary>
    /// <exception cref="BackendException">The kernel has none that protects without waiting, or not for that process.</exception>
    /// <exception cref="RecordingException">The process may not be looked into.</exception>
    public static Userfaultfd Borrow(Pidfd process)
    {
        var machine = MachineCode.OfProcess
            ?? throw new BackendException($"there is no recorder for {RuntimeInformation.ProcessArchitecture}");
        return Prepared(BorrowedFrom(machine, process));
    }

    /// <summary>One of this process.</summary>
    /// <exception cref="BackendException">The kernel has none that protects without waiting.</exception>
    /// <exception cref="SystemCallException">It is refused.</exception>
    public static Userfaultfd OfThisProcess()
    {
        var number = MachineCode.OfProcess?.Userfaultfd ?? throw new SystemCallException("userfaultfd", SystemCallException.NoSuchCall);
        return Prepared(new Userfaultfd(
            (int)SystemCallException.Check(
                Libc.SystemCall(number, Libc.CloseOnExec | Libc.NonBlocking | (int)UserModeOnly, 0, 0, 0, 0, 0), "userfaultfd"), 0));
    }

    private static Userfaultfd Prepared(Userfaultfd made)
    {
        try
        {
            var argument = stackalloc ulong[] { Api, WriteProtectHugeAndShared | WriteProtectUnpopulated | WriteProtectAsync, 0 };
            if (Libc.Ioctl(made._descriptor, ApiRequest, argument) == -1)
                throw new BackendException("the kernel has no asynchronous write protection, which is there from 6.7 on");
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>Lets the kernel note writes to a range.</summary>
    /// <returns>0, or the error number: a range may have gone meanwhile, or belong to another userfaultfd</returns>
    public int Register(ulong start, ulong end)
    {
        var argument = stackalloc ulong[] { start, end - start, WriteProtectMode, 0 };
        return Libc.Ioctl(_descriptor, RegisterRequest, argument) == -1 ? Marshal.GetLastPInvokeError() : 0;
    }

    public void Dispose()
    {
        if (_descriptor >= 0) _ = Libc.Close(_descriptor);
        _descriptor = -1;
    }

    private static Userfaultfd BorrowedFrom(MachineCode machine, Pidfd process)
    {
        var instruction = FindSystemCall(machine, process.Process)
            ?? throw new BackendException("its text holds no instruction that enters the kernel");
        var thread = RunningThread(process.Process);
        try
        {
            using var tracee = new Tracee(
                machine, thread, instruction, ProcessStatus.Field(thread, "Seccomp") is not ("0" or null));
            var copy = tracee.BorrowDescriptor(
                process, machine.Userfaultfd, Libc.CloseOnExec | Libc.NonBlocking | UserModeOnly);
            return copy >= 0 ? new Userfaultfd(copy, tracee.InjectedMicroseconds) : throw Refused(-copy);
        }
        catch (SystemCallException exception)
        {
            throw Refused(process.Process, exception);
        }
    }

    private static Exception Refused(int number) => number switch
    {
        SystemCallException.NoSuchCall => new BackendException("the kernel has no userfaultfd"),
        SystemCallException.TooManyFiles => new RecordingException("it has as many files open as it may; allowed: a higher limit for it"),
        _ => new BackendException("the kernel refuses userfaultfd to it", new SystemCallException("userfaultfd", number)),
    };

    private static Exception Refused(int process, SystemCallException exception)
    {
        if (exception.Number == SystemCallException.NoSuchProcess)
            return new RecordingException("it has ended", isPassing: true, exception);
        if (exception.Number == SystemCallException.NoSuchCall)
            return new BackendException("the kernel is older than 5.6 and cannot copy a descriptor", exception);
        var refusal = AttachRefusal.Of(process);
        return refusal.Tracer != 0
            ? new BackendException($"process {refusal.Tracer} traces it already (a debugger?)", exception)
            : new RecordingException(refusal.Reason, inner: exception);
    }

    /// <summary>A thread that can be stopped: the first one may have ended before the process does.</summary>
    private static int RunningThread(int process)
    {
        if (ProcessStatus.Of(process) is { HasEnded: false }) return process;
        foreach (var folder in Directory.EnumerateDirectories($"/proc/{process}/task"))
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var thread)
                && ProcessStatus.Of(thread) is { HasEnded: false })
                return thread;
        throw new RecordingException("it has ended", isPassing: true);
    }

    /// <summary>Somewhere in its text; the kernel's own page of code, the vDSO, has one.</summary>
    private static ulong? FindSystemCall(MachineCode machine, int process)
    {
        var buffer = new byte[SearchBytes];
        var texts = ProcessMapping.Of(process).Where(mapping => mapping.Permissions[2] == 'x' && mapping.Name != "[vsyscall]");
        foreach (var text in texts.OrderBy(mapping => mapping.Name == "[vdso]" ? 0 : 1))
            for (var start = text.Start; start < text.End; start += (ulong)buffer.Length)
            {
                var bytes = (int)Math.Min((ulong)buffer.Length, text.End - start);
                var read = RemoteMemory.Read(process, start, buffer.AsSpan(0, bytes));
                if (read <= 0) break;
                for (var at = 0; at + machine.SystemCallInstruction.Length <= read; at += machine.InstructionAlignment)
                    if (buffer.AsSpan(at).StartsWith(machine.SystemCallInstruction))
                        return start + (ulong)at;
            }

        return null;
    }
}
