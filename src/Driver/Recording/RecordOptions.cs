using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Driver.Predicting;
using Livebed.Linux.Recording;
using static Livebed.Driver.Predicting.OptionValues;

namespace Livebed.Driver.Recording;

/// <summary>The options of `record`; each is checked here.</summary>
internal sealed class RecordOptions
{
    public const string Extension = ".dirty.gz";

    private static readonly TimeSpan _intervalMin = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan _intervalMax = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _timeMax = TimeSpan.FromDays(1);

    private const double UsualSlowdown = 1;

    private static readonly ValueKind<double> _limits = LimitKind();

    private readonly Argument<string[]> _program = new("program")
    {
        Arity = ArgumentArity.ZeroOrMore,
        Description = "behind --: a program to start and record, with its arguments",
    };

    private readonly Option<string?> _process = Text("--pid", "N", "the process to record");
    private readonly Option<bool> _guest = new("--guest")
    {
        Description = "record only the RAM of the guest: of a QEMU, Firecracker or cloud-hypervisor",
    };

    private readonly Option<string?> _interval = Text("--interval", "10ms", "from one look to the next [10ms; 100ms with compare]");
    private readonly Option<string?> _slowdown = Text(
        "--max-slowdown", "1",
        "how much longer the process's work may take: intervals become longer where page faults cost it more; 0.1 is a tenth, 0 no limit "
            + "[1: twice as long]");

    private readonly Option<string?> _time = Text("--for", "60s", "so long [until it ends, or Ctrl-C]");
    private readonly Option<string?> _backend = Text(
        "--backend", "wp-async", "how writes are seen: wp-async, soft-dirty or compare [the first of these that there is]");
    private readonly Option<string?> _out = Text("--out", "FILE", "the recording [the program's name with .dirty.gz]");
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/your-vm.md)" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public RecordOptions()
    {
        Command = new Command("record", "Records which pages a running process writes, for predict, advise and campaigns.") { _program };
        _out.Aliases.Add("-o");
        foreach (var option in new Option[] { _process, _guest, _interval, _slowdown, _time, _backend, _out, _json, _quiet, _verbose })
            Command.Add(option);
    }

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public RecordOptionValues Read(ParseResult parsed, CampaignFolders folders)
    {
        var program = parsed.GetValue(_program) ?? [];
        var process = parsed.Value(_process, ValueKinds.Integer("process", 1, int.MaxValue));
        if (program.Length > 0) parsed.Needs(_process, false, "a process or a program");
        if (program.Length == 0 && process is null)
            throw new UsageException("record: there is nothing to record; allowed: --pid N, or -- and a program with its arguments");
        if (program is ["", ..]) throw new UsageException("record: the program has no name; allowed: -- and a program with its arguments");
        return new RecordOptionValues(
            program, process, parsed.GetValue(_guest),
            parsed.Value(_backend, ValueKinds.Enum<RecordBackend>()),
            parsed.Value(_interval, OperatorUnits.Duration(_intervalMin, _intervalMax)),
            parsed.Value(_time, OperatorUnits.Duration(_intervalMin, _timeMax)),
            LimitOf(parsed.Value(_slowdown, _limits) ?? UsualSlowdown), OutOf(parsed, folders), parsed.GetValue(_json),
            parsed.GetValue(_quiet) || parsed.GetValue(_json));
    }

    private static double? LimitOf(double given) => given == 0 ? null : given;

    private static ValueKind<double> LimitKind()
    {
        var any = ValueKinds.Number("share", 0.001, 1000);
        return any with { Allowed = $"{any.Allowed}; 0 is no limit", Parse = Parse };

        string? Parse(string text, out double value)
        {
            value = 0;
            return text == "0" ? null : any.Parse(text, out value);
        }
    }

    /// <summary>Known to be writable before anything is recorded.</summary>
    private string? OutOf(ParseResult parsed, CampaignFolders folders)
    {
        if (parsed.GetValue(_out) is not { } given) return null;
        if (given.Trim().Length == 0)
            throw new UsageException($"--out {given}: is no file name; allowed: a file in a folder that is there");
        var path = Path.GetFullPath(given, folders.Current);
        if (Directory.Exists(path)) throw new UsageException($"--out {given}: is a folder; allowed: a file");
        return Directory.Exists(Path.GetDirectoryName(path))
            ? path
            : throw new UsageException($"--out {given}: its folder is not there; allowed: a file in a folder that is there");
    }
}

/// <summary>What is to be recorded, checked.</summary>
/// <param name="Program">to be started; empty where a process is named</param>
/// <param name="Process">its id; null where a program is named</param>
/// <param name="IsGuest">only a guest's RAM</param>
/// <param name="Backend">null for the best</param>
/// <param name="Interval">null for the usual one</param>
/// <param name="Time">null until it ends</param>
/// <param name="MaxSlowdown">null for no limit</param>
/// <param name="Out">absolute path; null for one by the program's name</param>
/// <param name="IsJson">whether what comes out is one JSON object</param>
/// <param name="IsQuiet">without progress</param>
internal sealed record RecordOptionValues(
    IReadOnlyList<string> Program, int? Process, bool IsGuest, RecordBackend? Backend, TimeSpan? Interval, TimeSpan? Time,
    double? MaxSlowdown, string? Out, bool IsJson, bool IsQuiet)
{
    /// <summary>How it was asked for, as errors begin.</summary>
    public string Label => Process is { } process ? FormattableString.Invariant($"record --pid {process}") : $"record {Program[0]}";
}
