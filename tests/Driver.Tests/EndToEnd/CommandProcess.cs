using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Livebed.Driver.Tests.EndToEnd;

/// <summary>The built command as its user meets it: a process with streams, signals and an exit status. It does not outlive its
/// test.</summary>
internal sealed class CommandProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly List<string> _lines = [];

    private CommandProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>The variables that its program was begun with.</summary>
    public IReadOnlyList<string> Variables => File.ReadAllText($"/proc/{_process.Id}/environ").Split('\0');

    public string Out => string.Join('\n', _lines);
    public string Errors => _errors.Result;

    /// <summary>The processes that it has started and that live.</summary>
    public IEnumerable<(int Id, string CommandLine)> Children => Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
        .Where(id => id > 0 && ParentOf(id) == _process.Id)
        .Select(id => (id, CommandLineOf(id)));

    public static CommandProcess Start(string folder, params string[] arguments) =>
        Start(folder, new Dictionary<string, string>(), arguments);

    /// <summary>With variables of the environment beside this process's own.</summary>
    public static CommandProcess Start(string folder, IReadOnlyDictionary<string, string> variables, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // A command of a few seconds is over before profiling what is compiled pays off.
        start.Environment["DOTNET_TieredPGO"] = "0";
        // Nor does optimising at once what is called often, as a run does for the sake of its figures: 4 of 11 s of processor time. In hex.
        start.Environment["DOTNET_TC_CallCountingDelayMs"] = "64";
        // The test project refers to the command, so the build lays it, its campaigns and the silo beside the tests.
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "livebed.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        foreach (var (name, value) in variables) start.Environment[name] = value;
        return new CommandProcess(Process.Start(start)!);
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int ExitCode, string Out, string Errors)> RunAsync(string folder, params string[] arguments)
    {
        using var command = Start(folder, arguments);
        return (await command.EndAsync(), command.Out, command.Errors);
    }

    /// <summary>Reads standard output up to a line.</summary>
    public async Task SaysAsync(string line)
    {
        while (await NextLineAsync() is { } said)
            if (said == line)
                return;
        Assert.Fail($"it ended without saying '{line}': {Out}\n{Errors}");
    }

    /// <summary>Ctrl-C, which a terminal sends to a command and to all that it has started.</summary>
    public void Interrupt()
    {
        foreach (var (id, _) in Children.Append((_process.Id, ""))) Assert.Equal(0, Kill(id, signal: 2));
    }

    /// <summary>SIGINT, which the programs that it has started do not get.</summary>
    public void InterruptAlone() => Assert.Equal(0, Kill(_process.Id, signal: 2));

    public bool HasExited => _process.HasExited;

    public void Kill() => Assert.Equal(0, Kill(_process.Id, signal: 9));

    public void KillChild(int id) => Assert.Equal(0, Kill(id, signal: 9));

    /// <summary>Its exit status, once it has ended.</summary>
    public async Task<int> EndAsync()
    {
        while (await NextLineAsync() is not null) continue;
        await _process.WaitForExitAsync().WaitAsync(Patience);
        await _errors.WaitAsync(Patience);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private async Task<string?> NextLineAsync()
    {
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        if (line is not null) _lines.Add(line);
        return line;
    }

    /// <summary>The process group, to all of which a terminal sends its Ctrl-C.</summary>
    public static int GroupOf(int process) => StatOf(process, 2);

    private static int ParentOf(int process) => StatOf(process, 1);

    private static int StatOf(int process, int field)
    {
        try
        {
            // "pid (name) state parent group ...", and the name may hold anything.
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[field], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static string CommandLineOf(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline").Replace('\0', ' ');
        }
        catch (IOException)
        {
            return "";
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
