using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Livebed.Faults;

/// <summary>
/// The built command as a process, with the silos that it starts. It says its phases on standard output, and a fault waits for one of
/// them. It does not outlive its row.
/// </summary>
internal sealed class CommandUnderTest : IDisposable
{
    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly Dictionary<string, TaskCompletionSource> _phases =
        Phases.All.ToDictionary(phase => phase, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    private readonly Task _read;

    private CommandUnderTest(Process process)
    {
        _process = process;
        _read = Task.WhenAll(ReadAsync(process.StandardOutput), ReadAsync(process.StandardError));
    }

    public int ExitCode => _process.ExitCode;

    /// <summary>Standard output and standard error, in the order in which they came.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines) return [.. _lines];
        }
    }

    /// <param name="arguments">of the command</param>
    /// <param name="quota">of its processes from the beginning; null for none</param>
    /// <param name="image">folder of another build of the command, such as the fast one; null for the one that was built with this</param>
    public static CommandUnderTest Start(IEnumerable<string> arguments, ProcessorQuota? quota, string? image = null)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(image ?? AppContext.BaseDirectory, "livebed.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        var command = new CommandUnderTest(Process.Start(start)!);
        quota?.Limit(command);
        return command;
    }

    /// <summary>Completes when the phase begins, and also when the command ends without it.</summary>
    public Task PhaseAsync(string phase) => _phases[phase].Task;

    /// <summary>The command and the silos that it has started.</summary>
    public IReadOnlyList<int> Tree() => [_process.Id, .. Silos().Select(silo => silo.Id)];

    public IReadOnlyList<(int Id, string CommandLine)> Silos() =>
        [.. Directory.EnumerateDirectories("/proc").Select(folder => Number(Path.GetFileName(folder)))
            .Where(id => id > 0 && ParentOf(id) == _process.Id).Select(id => (id, Text($"/proc/{id}/cmdline")))];

    public static void Signal(IEnumerable<int> processes, int signal)
    {
        // One that has ended meanwhile needs none.
        foreach (var id in processes) _ = Kill(id, signal);
    }

    /// <summary>Whether it ended within the time.</summary>
    public async Task<bool> EndAsync(TimeSpan limit)
    {
        var ended = Task.WhenAll(_process.WaitForExitAsync(), _read);
        var inTime = await Task.WhenAny(ended, Task.Delay(limit)) == ended;
        foreach (var phase in _phases.Values) phase.TrySetResult();
        return inTime;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Signal(Tree(), Signals.Continue);
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private async Task ReadAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_lines) _lines.Add(line);
            if (Phases.Of(line) is { } phase) _phases[phase].TrySetResult();
        }
    }

    private static int ParentOf(int process)
    {
        // "pid (name) state parent ...", and the name may hold anything.
        var stat = Text($"/proc/{process}/stat");
        return stat.Length == 0 ? 0 : Number(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1]);
    }

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    private static string Text(string path)
    {
        try
        {
            return File.ReadAllText(path).Replace('\0', ' ');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}

/// <summary>Linux' numbers.</summary>
internal static class Signals
{
    public const int Kill = 9;
    public const int Continue = 18;
    public const int Stop = 19;
}

/// <summary>The phases of a run, as the command prints them.</summary>
internal static class Phases
{
    public const string Running = "running";

    public static IReadOnlyList<string> All { get; } = ["starting", "creating", Running, "verifying", "tearing down"];

    public static string? Of(string line) =>
        All.FirstOrDefault(phase => line == phase || (line.StartsWith(phase + " ", StringComparison.Ordinal) && !line.Contains(':')));
}
