using System.Collections;
using System.Runtime.InteropServices;
using System.Text;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Processes;

/// <summary>
/// A program that was started here, with the standard streams and the environment of this process. It is started by posix_spawnp and not
/// by <see cref="System.Diagnostics.Process"/>: that class waits for every child, and would take the stops of ptrace away.
/// </summary>
public sealed unsafe class StartedProgram
{
    private const int PipeSignal = 13;
    private const int ContinueSignal = 18;
    private const int StopSignal = 19;
    private const short SetProcessGroup = 2;
    private const short SetDefaultSignals = 4;
    private const short SetSignalMask = 8;
    private const int NoHang = 1;

    // Larger than posix_spawnattr_t and sigset_t of any libc.
    private const int AttributeBytes = 1024;
    private const int SignalBytes = 128;

    private StartedProgram(int process) => Process = process;

    public int Process { get; }

    /// <summary>When this returns, the program's memory is there.</summary>
    /// <param name="words">the program, as a shell finds it, and its arguments</param>
    /// <param name="isHeld">whether it is stopped at once, until <see cref="Continue"/></param>
    /// <param name="hasOwnGroup">whether a terminal's Ctrl-C does not reach it: whoever started it ends it</param>
    /// <exception cref="SystemCallException">There is no such program, or it cannot be started.</exception>
    public static StartedProgram Start(IReadOnlyList<string> words, bool isHeld = false, bool hasOwnGroup = false)
    {
        var variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(entry => $"{entry.Key}={entry.Value}");
        var arguments = Texts(words);
        var environment = Texts([.. variables]);
        var attributes = stackalloc byte[AttributeBytes];
        var signals = stackalloc byte[SignalBytes];
        try
        {
            _ = Libc.InitializeSpawn(attributes);
            new Span<byte>(signals, SignalBytes).Clear();
            _ = Libc.SetSpawnSignalMask(attributes, signals);
            // The runtime ignores SIGPIPE, and a program would inherit that.
            signals[(PipeSignal - 1) / 8] = 1 << ((PipeSignal - 1) % 8);
            _ = Libc.SetSpawnDefaultSignals(attributes, signals);
            var group = hasOwnGroup ? SetProcessGroup : 0;
            _ = Libc.SetSpawnFlags(attributes, (short)(SetDefaultSignals | SetSignalMask | group));
            var error = Libc.Spawn(out var process, words[0], null, attributes, arguments, environment);
            if (error != 0) throw new SystemCallException(words[0], error);
            if (isHeld) _ = Libc.Kill(process, StopSignal);
            return new StartedProgram(process);
        }
        finally
        {
            _ = Libc.DestroySpawn(attributes);
            Free(arguments);
            Free(environment);
        }
    }

    /// <summary>Lets a program go on that was held.</summary>
    public void Continue() => _ = Libc.Kill(Process, ContinueSignal);

    /// <summary>Takes its status, once it has ended.</summary>
    /// <returns>as a shell has it (128 and the signal that ended it); null while it runs, or where its status is gone</returns>
    public int? ExitStatus()
    {
        int status;
        if (Libc.Wait(Process, &status, NoHang) != Process) return null;
        return (status & 0x7f) == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f);
    }

    private static byte** Texts(IReadOnlyList<string> texts)
    {
        var array = (byte**)NativeMemory.AllocZeroed((nuint)texts.Count + 1, (nuint)sizeof(byte*));
        for (var index = 0; index < texts.Count; index++)
        {
            var bytes = Encoding.UTF8.GetBytes(texts[index]);
            array[index] = (byte*)NativeMemory.AllocZeroed((nuint)bytes.Length + 1);
            bytes.CopyTo(new Span<byte>(array[index], bytes.Length));
        }

        return array;
    }

    private static void Free(byte** texts)
    {
        for (var text = texts; *text is not null; text++) NativeMemory.Free(*text);
        NativeMemory.Free(texts);
    }
}
