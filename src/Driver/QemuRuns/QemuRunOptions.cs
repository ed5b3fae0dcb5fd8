using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Driver.Predicting;
using Livebed.Kvm.Prediction;
using Livebed.Linux.Qemu;
using static Livebed.Driver.Predicting.OptionValues;

namespace Livebed.Driver.QemuRuns;

/// <summary>The options of `qemu`; each is checked here.</summary>
internal sealed class QemuRunOptions
{
    private const long UsualBandwidth = 32 << 20;
    private const long UsualLink = 900_000_000;
    private const string UsualProgram = "qemu-system-x86_64";

    private static readonly TimeSpan _usualDowntime = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan _usualTimeLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan _usualRecordTime = TimeSpan.FromSeconds(5);

    private readonly Argument<string?> _trace = new("trace")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "what the guest writes: a recorded trace, or the name of a shipped one, as in redis",
    };

    private readonly Option<string?> _bandwidth = Text("--bandwidth", "32MiB/s", "max-bandwidth [32MiB/s]");
    private readonly Option<string?> _downtime = Text("--downtime", "300ms", "downtime-limit [300ms]");
    private readonly Option<string?> _timeLimit = Text("--time-limit", "60s", "cancels it then [60s]");
    private readonly Option<string?> _link = Text(
        "--link", "900MB/s", "for the forecast: what loopback carries while the guest stands still [900MB/s]");
    private readonly Option<string?> _time = Text("--for", "5s", "how long the guest is recorded before it migrates [5s]");
    private readonly Option<string?> _program = Text("--qemu", "PATH", $"the program [{UsualProgram}]");
    private readonly Option<string?> _accelerator = Text("--accel", "tcg", "how QEMU runs the guest: tcg or kvm [tcg]");
    private readonly Option<string?> _out = Text("--out", "FILE", "keeps the recording of the guest");
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/your-vm.md)" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public QemuRunOptions()
    {
        Command = new Command("qemu", "Migrates a guest that replays a recording, with a real QEMU, and compares memories and forecast.")
        {
            _trace,
        };
        _out.Aliases.Add("-o");
        foreach (var option in new Option[]
                 {
                     _bandwidth, _downtime, _timeLimit, _link, _time, _program, _accelerator, _out, _json, _quiet, _verbose,
                 })
            Command.Add(option);
    }

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public QemuRunRequest Read(ParseResult parsed, CampaignFolders folders)
    {
        var rate = OperatorUnits.Rate(1 << 20, ConvergenceLimits.BandwidthMax);
        var given = parsed.GetValue(_trace)
            ?? throw new UsageException(
                "qemu: there is nothing to replay; allowed: a recorded trace, or the name of a shipped one, as in redis");
        var path = folders.FindWorkload(given)
            ?? throw new UsageException(
                $"qemu {given}: there is no such file; allowed: a recorded trace (campaigns/workloads/README.md)");
        var program = parsed.GetValue(_program) ?? UsualProgram;
        if (program.Trim().Length == 0) throw new UsageException($"--qemu {program}: is no program; allowed: a path, or a name");
        return new QemuRunRequest(
            given,
            new QemuMigrationRequest(
                program, parsed.Value(_accelerator, ValueKinds.Enum<Accelerator>()) == Accelerator.Kvm ? "kvm" : "tcg", path,
                parsed.Value(_bandwidth, rate) ?? UsualBandwidth,
                parsed.Value(_downtime, OperatorUnits.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10))) ?? _usualDowntime,
                parsed.Value(_timeLimit, OperatorUnits.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromHours(1))) ?? _usualTimeLimit,
                parsed.Value(_time, OperatorUnits.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10))) ?? _usualRecordTime),
            parsed.Value(_link, rate) ?? UsualLink, OutOf(parsed, folders), parsed.GetValue(_json),
            parsed.GetValue(_quiet) || parsed.GetValue(_json));
    }

    private string? OutOf(ParseResult parsed, CampaignFolders folders)
    {
        if (parsed.GetValue(_out) is not { } given) return null;
        var path = given.Trim().Length == 0 ? "" : Path.GetFullPath(given, folders.Current);
        return path.Length > 0 && !Directory.Exists(path) && Directory.Exists(Path.GetDirectoryName(path))
            ? path
            : throw new UsageException($"--out {given}: is no file that can be written; allowed: a file in a folder that is there");
    }

    private enum Accelerator
    {
        Tcg,
        Kvm,
    }
}

/// <summary>What was asked for, checked.</summary>
/// <param name="Name">the trace as it was given</param>
/// <param name="Migration">what QEMU is to do</param>
/// <param name="LinkBandwidth">bytes a second, for the forecast</param>
/// <param name="Out">absolute path of the recording; null where it is not kept</param>
/// <param name="IsJson">whether what comes out is one JSON object</param>
/// <param name="IsQuiet">without progress</param>
internal sealed record QemuRunRequest(
    string Name, QemuMigrationRequest Migration, long LinkBandwidth, string? Out, bool IsJson, bool IsQuiet);
