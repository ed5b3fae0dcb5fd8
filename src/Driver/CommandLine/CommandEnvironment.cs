using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Running;
using Livebed.Kvm.Guests;
using Livebed.Linux.Kvm;
using Spectre.Console;

namespace Livebed.Driver.CommandLine;

/// <summary>What the command has around it: streams, terminal, folders, clock, signals and the runner. Tests bring their own.</summary>
internal sealed class CommandEnvironment : IDisposable
{
    /// <summary>Width of the report where there is no terminal and COLUMNS is not set.</summary>
    private const int PlainColumns = 100;

    private readonly OutputWriter _output = new(TextWriter.Null);

    private static readonly ConcurrentDictionary<(string Path, long Length, DateTime Written), long> _pagesOfTraces = new();

    /// <summary>For text, which is made printable. It never fails; <see cref="OutputFailure"/> says that it did.</summary>
    public required TextWriter Out
    {
        get;
        init
        {
            _output = new OutputWriter(value);
            field = new PrintableWriter(_output);
        }
    }

    /// <summary>For text, which is made printable. It never fails.</summary>
    public required TextWriter Error
    {
        get;
        init => field = new PrintableWriter(new OutputWriter(value));
    }

    /// <summary>Why something could not be written to <see cref="Out"/>; null as long as everything was.</summary>
    public string? OutputFailure => _output.Failure;

    /// <summary>Standard output is a terminal: live tables and colours.</summary>
    public required bool IsTerminal { get; init; }

    /// <summary>On a terminal; not where the user wants none (NO_COLOR is set and not empty).</summary>
    public bool HasColours { get; init; } = true;

    public required int Columns { get; init; }
    public required CampaignFolders Folders { get; init; }
    public required TimeProvider Clock { get; init; }
    public required Interrupts Interrupts { get; init; }
    public required TraceInspector Traces { get; init; }
    public required RunnerFactory Runners { get; init; }

    /// <summary>Fits the process to so many VMs that will all be in it; it may begin anew. Nothing in tests, whose process has other
    /// work.</summary>
    public Action<long> FitToVms { get; init; } = _ => { };

    /// <summary>The process's environment variables; none in tests.</summary>
    public IDictionary Variables { get; init; } = new Hashtable();

    /// <summary>Where KVM is; tests have it elsewhere.</summary>
    public string KvmPath { get; init; } = KvmDevice.Path;

    /// <summary>Foreign protocols play in a process of their own; not so in tests, and in that process itself.</summary>
    public bool IsolatesProtocols { get; init; }

    /// <summary>The process that started this one waits for signs of life; null where none does.</summary>
    public Pulse? Pulse { get; init; }

    public static CommandEnvironment OfProcess(RunnerFactory runners, Action<long>? fitToVms = null)
    {
        var pulse = Pulse.OfProcess(TimeProvider.System);
        var interrupts = Interrupts.OfProcess(pulse is null ? new OutputWriter(StandardStreams.Error()) : TextWriter.Null);
        if (pulse is not null) Pulse.FollowStandardInput(interrupts);
        return OfProcess(runners, pulse is null && fitToVms is not null ? fitToVms : _ => { }, interrupts, pulse);
    }

    private static CommandEnvironment OfProcess(RunnerFactory runners, Action<long> fitToVms, Interrupts interrupts, Pulse? pulse) => new()
    {
        Out = StandardStreams.Output(),
        Error = StandardStreams.Error(),
        IsTerminal = !Console.IsOutputRedirected,
        HasColours = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")),
        Columns = ColumnsOfProcess(),
        Folders = new(Environment.CurrentDirectory, Path.Combine(AppContext.BaseDirectory, CampaignFolders.Folder)),
        Clock = TimeProvider.System,
        Interrupts = interrupts,
        IsolatesProtocols = pulse is null,
        Pulse = pulse,
        Traces = PagesOfTrace,
        Runners = runners,
        Variables = Environment.GetEnvironmentVariables(),
        FitToVms = fitToVms,
    };

    /// <summary>A Spectre console that writes to <see cref="Out"/>, with colours only on a terminal, and where the user has not switched
    /// them off.</summary>
    public IAnsiConsole CreateConsole()
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(_output),
            Ansi = IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = IsTerminal && HasColours ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = IsTerminal ? InteractionSupport.Detect : InteractionSupport.No,
        });
        console.Profile.Width = Columns;
        console.Pipeline.Attach(new PrintableRendering());
        return console;
    }

    public void Dispose()
    {
        Interrupts.Dispose();
        Pulse?.Dispose();
    }

    private static int ColumnsOfProcess()
    {
        if (!Console.IsOutputRedirected && Console.WindowWidth is > 0 and var width) return width;
        return int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), NumberStyles.None, CultureInfo.InvariantCulture, out var columns)
            && columns >= 40
            ? columns
            : PlainColumns;
    }

    /// <summary>A trace is read to its end once, however many campaigns of a command replay it; one that has changed meanwhile is read
    /// again.</summary>
    internal static long PagesOfTrace(string path)
    {
        var file = new FileInfo(path);
        var key = (path, file.Exists ? file.Length : 0, file.Exists ? file.LastWriteTimeUtc : default);
        return _pagesOfTraces.GetOrAdd(key, static known =>
        {
            DirtyPageTrace.Validate(known.Path);
            return DirtyPageTrace.ReadHeader(known.Path).Pages;
        });
    }
}
