using System.Buffers.Binary;
using System.IO.Pipes;

namespace Livebed.Driver.CommandLine;

/// <summary>
/// What a process that plays a foreign protocol tells the one that started it, over a pipe: that its search begins and how long it may
/// last, that another schedule has ended, and its exit status. A process that the protocol has ended says no exit status.
/// </summary>
internal sealed class Pulse : IDisposable
{
    /// <summary>Messages, a byte each: begins (and eight bytes: microseconds, or -1 for no limit), beats, ends (and four bytes: the exit
    /// status).</summary>
    public const byte Begins = (byte)'b', Beats = (byte)'.', Ends = (byte)'e';

    /// <summary>The environment variable that names the pipe.</summary>
    public const string Variable = "LIVEBED_PULSE";

    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan _stopMax = TimeSpan.FromSeconds(5);

    private readonly AnonymousPipeClientStream _pipe;
    private readonly TimeProvider _clock;
    private long _last;

    private Pulse(string handle, TimeProvider clock)
    {
        _pipe = new AnonymousPipeClientStream(PipeDirection.Out, handle);
        _clock = clock;
    }

    /// <summary>That of this process; null where no process waits for one.</summary>
    public static Pulse? OfProcess(TimeProvider clock) =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } handle ? new Pulse(handle, clock) : null;

    /// <summary>The search begins.</summary>
    public void Begin(TimeSpan? budget)
    {
        Span<byte> message = stackalloc byte[1 + sizeof(long)];
        message[0] = Begins;
        BinaryPrimitives.WriteInt64LittleEndian(message[1..], budget is { } limit ? (long)limit.TotalMicroseconds : -1);
        Write(message);
        _last = _clock.GetTimestamp();
    }

    /// <summary>A schedule has ended; said now and then.</summary>
    public void Beat()
    {
        if (_clock.GetElapsedTime(_last) < _interval) return;
        _last = _clock.GetTimestamp();
        Write([Beats]);
    }

    /// <summary>The command ends by itself.</summary>
    public void End(int exitCode)
    {
        Span<byte> message = stackalloc byte[1 + sizeof(int)];
        message[0] = Ends;
        BinaryPrimitives.WriteInt32LittleEndian(message[1..], exitCode);
        Write(message);
    }

    /// <summary>Standard input is the lifeline: where it ends, the command is interrupted, and ended if it does not end.</summary>
    public static void FollowStandardInput(Interrupts interrupts)
    {
        // Console streams have no cancellable read, hence a thread of its own that dies with the process.
        new Thread(() =>
        {
            using var input = Console.OpenStandardInput();
            Span<byte> ignored = stackalloc byte[256];
            while (input.Read(ignored) > 0) continue;
            interrupts.Stop();

            // The thread has nothing else to do, and the pool may be what hangs.
            Thread.Sleep(_stopMax);
            Environment.Exit(Errors.ExitCodes.Interrupted);
        })
        { IsBackground = true }.Start();
    }

    public void Dispose() => _pipe.Dispose();

    private void Write(ReadOnlySpan<byte> message)
    {
        try
        {
            _pipe.Write(message);
            _pipe.Flush();
        }
        catch (IOException)
        {
            // The other process is gone: standard input says so too, and ends the command.
        }
    }
}
