using System.Runtime.InteropServices;
using Livebed.Driver.Errors;

namespace Livebed.Driver.CommandLine;

/// <summary>Ctrl-C, SIGTERM and SIGHUP: the first asks the run to stop in order, the second ends the process at once.</summary>
internal sealed class Interrupts(TextWriter error, Action<int> exit) : IDisposable
{
    /// <summary>For work that cannot be stopped.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _source = new();
    private readonly List<IDisposable> _registrations = [];
    private int _signals;

    public CancellationToken Token => _source.Token;

    /// <summary>Listens to the process's signals until disposed.</summary>
    /// <param name="error">told of the first; a process that another one started says nothing, as that one does</param>
    public static Interrupts OfProcess(TextWriter error)
    {
        var interrupts = new Interrupts(error, Environment.Exit);
        foreach (var signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP })
        {
            interrupts._registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                interrupts.Signal();
            }));
        }

        return interrupts;
    }

    /// <summary>Does work that cannot be stopped, such as the reading of a large file. An interrupt gives it up, unless it ends soon
    /// after.</summary>
    /// <exception cref="OperationCanceledException">Interrupted; the work goes on until the process ends.</exception>
    public async Task<T> AwaitAsync<T>(Func<T> work)
    {
        var working = Task.Run(work);
        await Task.WhenAny(working, Task.Delay(Timeout.InfiniteTimeSpan, Token));
        await Task.WhenAny(working, Task.Delay(Patience));
        if (!working.IsCompleted) throw new OperationCanceledException(Token);
        return await working;
    }

    public void Signal()
    {
        if (Interlocked.Increment(ref _signals) > 1)
        {
            exit(ExitCodes.Interrupted);
            return;
        }

        error.WriteLine("stopping; interrupt again to quit at once");
        Stop();
    }

    /// <summary>Asks the command to end in order, without a signal.</summary>
    // The handlers must not run on the thread that takes signals, or the second one would wait for them.
    public void Stop() => _ = _source.CancelAsync();

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _source.Dispose();
    }
}
