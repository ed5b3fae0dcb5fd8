using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Pipes;
using Livebed.Driver.Errors;

namespace Livebed.Driver.CommandLine;

/// <summary>
/// Plays a foreign protocol in a process of its own: the same command once more, whose standard output is this one's. A protocol that
/// spins, ends the process or overflows the stack does so there; here it is one line and the exit status of a bed that failed.
/// </summary>
internal sealed class ProtocolProcess(TextWriter error, CancellationToken interrupted)
{
    private const int ErrorLinesMax = 200;

    private static readonly TimeSpan _tick = TimeSpan.FromMilliseconds(100);

    /// <summary>What a search may need beyond its budget, to write down what it found.</summary>
    private static readonly TimeSpan _graceMax = TimeSpan.FromSeconds(3);

    /// <summary>Ticks without the end of a schedule, which takes milliseconds. Ticks and not time, as all may have stood still.</summary>
    private const int TicksOfAScheduleMax = 200;

    /// <summary>The same before the search: the process starts, the assembly is loaded.</summary>
    private const int TicksOfStartMax = 600;

    private readonly Queue<string> _errors = new();
    private readonly Stopwatch _sinceBegin = new();
    private int _beats;
    private TimeSpan? _budget;
    private int? _exitCode;

    /// <param name="arguments">of this command</param>
    /// <param name="assembly">as it was named, for the message</param>
    public async Task<int> RunAsync(IReadOnlyList<string> arguments, string assembly)
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.Inheritable);
        using var process = new Process { StartInfo = StartOf(arguments, pipe.GetClientHandleAsString()) };
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Start();
        pipe.DisposeLocalCopyOfClientHandle();
        process.BeginErrorReadLine();
        // Its standard input ends with this process, and where this one is interrupted.
        await using var stop = interrupted.Register(process.StandardInput.Close);
        var listening = ListenAsync(pipe);
        var problem = await WatchAsync(process);
        await process.WaitForExitAsync(CancellationToken.None);
        await listening;
        if (problem is null && _exitCode is { } exitCode)
        {
            foreach (var line in _errors) error.WriteLine(line);
            return exitCode;
        }

        if (interrupted.IsCancellationRequested) return ExitCodes.Interrupted;
        error.WriteLine($"verdict: failed: {assembly}: {problem ?? EndOf(process.ExitCode)}");
        return ExitCodes.BedFailed;
    }

    private static ProcessStartInfo StartOf(IReadOnlyList<string> arguments, string pipe)
    {
        var self = Environment.ProcessPath!;
        var start = new ProcessStartInfo(self) { RedirectStandardInput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(self) == "dotnet")
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "livebed.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment[Pulse.Variable] = pipe;
        // A process that the protocol kills leaves no dump behind.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        return start;
    }

    /// <summary>Waits for the process, or ends it where it goes on too long.</summary>
    /// <returns>why it was ended; null when it has ended by itself</returns>
    private async Task<string?> WatchAsync(Process process)
    {
        var (ticks, seen) = (0, 0);
        var stopping = new Stopwatch();
        while (true)
        {
            using var tick = new CancellationTokenSource(_tick);
            try
            {
                await process.WaitForExitAsync(tick.Token);
                return null;
            }
            catch (OperationCanceledException)
            {
                // A tick without an end of the process.
            }

            ticks = Volatile.Read(ref _beats) == seen ? ticks + 1 : 0;
            seen = Volatile.Read(ref _beats);
            if (interrupted.IsCancellationRequested) stopping.Start();
            if (ProblemOf(ticks, stopping.Elapsed) is not { } problem) continue;
            process.Kill();
            return problem;
        }
    }

    private string? ProblemOf(int ticks, TimeSpan stopping)
    {
        if (stopping > _graceMax) return "the protocol does not return: the command was interrupted and went on";
        if (!_sinceBegin.IsRunning) return ticks > TicksOfStartMax ? "the assembly cannot be loaded: it takes longer than a minute" : null;
        if (ticks > TicksOfAScheduleMax) return "the protocol does not return: a schedule went on for 20 s";
        return _budget is { } budget && _sinceBegin.Elapsed > budget + _graceMax && ticks * _tick > _graceMax
            ? "the protocol does not return: a schedule went on when the budget was spent"
            : null;
    }

    private async Task ListenAsync(AnonymousPipeServerStream pipe)
    {
        var message = new byte[sizeof(long)];
        while (await pipe.ReadAtLeastAsync(message.AsMemory(0, 1), 1, throwOnEndOfStream: false, CancellationToken.None) == 1)
        {
            switch (message[0])
            {
                case Pulse.Begins when await ReadAsync(pipe, message.AsMemory(0, sizeof(long))):
                    var microseconds = BinaryPrimitives.ReadInt64LittleEndian(message);
                    _budget = microseconds < 0 ? null : TimeSpan.FromMicroseconds(microseconds);
                    _sinceBegin.Start();
                    break;
                case Pulse.Ends when await ReadAsync(pipe, message.AsMemory(0, sizeof(int))):
                    _exitCode = BinaryPrimitives.ReadInt32LittleEndian(message);
                    break;
            }

            Interlocked.Increment(ref _beats);
        }
    }

    private static async Task<bool> ReadAsync(AnonymousPipeServerStream pipe, Memory<byte> into) =>
        await pipe.ReadAtLeastAsync(into, into.Length, throwOnEndOfStream: false, CancellationToken.None) == into.Length;

    private string EndOf(int status) => _errors.Any(line => line.Contains("Stack overflow", StringComparison.OrdinalIgnoreCase))
        ? "the protocol overflows the stack"
        : FormattableString.Invariant($"the protocol ended the process, with status {status}");

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (_errors)
            if (_errors.Count < ErrorLinesMax)
                _errors.Enqueue(line);
    }
}
