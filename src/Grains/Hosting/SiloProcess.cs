using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using Livebed.Grains.Faults;

namespace Livebed.Grains.Hosting;

/// <summary>
/// One Livebed.Silo process. Its standard input is a lifeline: the silo ends when it closes, which the kernel does for a driver that was
/// killed. Its standard error is passed on, and its last lines are kept for the message when it does not start.
/// </summary>
internal sealed class SiloProcess : IAsyncDisposable
{
    private const int KeptErrorLines = 10;
    private static readonly TimeSpan StopMax = TimeSpan.FromSeconds(1.5);
    private readonly Process _process;
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Queue<string> _errors = new();
    private volatile bool _stopping;

    private readonly ConcurrentDictionary<int, TaskCompletionSource<long?>> _asked = new();
    private int _orders;

    private SiloProcess(Process process, SiloSettings settings)
    {
        _process = process;
        Name = settings.SiloName;
    }

    public string Name { get; }

    public int Id => _process.Id;

    /// <summary>Completes when the process has ended, for whatever reason.</summary>
    public Task Exited { get; private set; } = Task.CompletedTask;

    /// <exception cref="FileNotFoundException">Livebed.Silo.dll is not beside this program.</exception>
    public static SiloProcess Start(SiloSettings settings)
    {
        var start = SiloLauncher.StartInfo([.. SiloArguments.From(settings), SiloArguments.ExitWithStdin]);
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        foreach (var (variable, value) in SiloArguments.EnvironmentOf(settings)) start.Environment[variable] = value;
        var silo = new SiloProcess(new Process { StartInfo = start }, settings);
        silo.Listen();
        return silo;
    }

    /// <exception cref="SiloStartException">It ended instead.</exception>
    public async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAny(_ready.Task, Exited).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new SiloStartException(Name, $"it was not ready in time: {LastError()}");
        }

        if (!_ready.Task.IsCompletedSuccessfully) throw EndedAtStart();
    }

    /// <summary>Of a process that has ended: how, and the last that it said.</summary>
    public SiloStartException EndedAtStart() => new(Name, $"it ended with status {_process.ExitCode}: {LastError()}")
    {
        // The driver's arguments are right, so only a port can be wrong.
        IsPortTaken = _process.ExitCode == SiloArguments.ExitUsage,
    };

    /// <summary>Tells a silo that takes orders what to do, and waits until it says that it has.</summary>
    /// <param name="order">whose number is given here</param>
    /// <param name="patience">a silo that is stopped or dead does not answer</param>
    /// <returns>its answer; null without one</returns>
    public async Task<long?> OrderAsync(FaultOrder order, TimeSpan patience)
    {
        var id = Interlocked.Increment(ref _orders);
        var answer = _asked[id] = new TaskCompletionSource<long?>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            lock (_asked)
            {
                _process.StandardInput.WriteLine((order with { Id = id }).ToLine());
                _process.StandardInput.Flush();
            }

            return await answer.Task.WaitAsync(patience);
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException or TimeoutException)
        {
            return null;
        }
        finally
        {
            _asked.TryRemove(id, out _);
        }
    }

    /// <summary>Kills the process, and returns when it is gone.</summary>
    public async Task KillAsync()
    {
        _stopping = true;
        Kill();
        await Exited;
    }

    private void Listen()
    {
        _process.OutputDataReceived += (_, line) =>
        {
            if (line.Data == SiloArguments.ReadyPrefix + Name) _ready.TrySetResult();
            else if (FaultOrder.ParseAnswer(line.Data) is { } answer && _asked.TryRemove(answer.Id, out var asked))
                asked.TrySetResult(answer.Number);
        };
        _process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null || _stopping) return;
            if (line.Data.Length > 0 && !char.IsWhiteSpace(line.Data[0])) Keep(line.Data);

            if (_ready.Task.IsCompleted) Console.Error.WriteLine($"{Name}: {line.Data}");
        };
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Exited = _process.WaitForExitAsync();
    }

    /// <summary>Lines of a stack's trace begin with spaces and are not kept: there can be more of them than lines are kept.</summary>
    private void Keep(string line)
    {
        lock (_errors)
        {
            _errors.Enqueue(line);
            if (_errors.Count > KeptErrorLines) _errors.Dequeue();
        }
    }

    private string LastError()
    {
        lock (_errors) return _errors.LastOrDefault()?.TrimEnd() ?? "it said nothing";
    }

    /// <summary>Closes the lifeline, and kills the process tree when that was not enough. A process that has died, or dies at this moment,
    /// is no failure.</summary>
    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        CloseInput();
        await Exited.WaitAsync(StopMax).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!Exited.IsCompleted) Kill();
        await Exited.WaitAsync(StopMax).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _process.Dispose();
    }

    private void CloseInput()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The pipe has lost its other end.
        }
    }

    private void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception exception) when (exception is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It ended meanwhile.
        }
    }
}
