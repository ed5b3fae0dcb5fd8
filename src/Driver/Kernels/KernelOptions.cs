using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Explorer.Kernels;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Linux.Kvm;

namespace Livebed.Driver.Kernels;

/// <summary>The options of `kernel` and its subcommands.</summary>
internal sealed class KernelOptions
{
    private const long DrawnSeeds = 1L << 31;
    private const string All = "all";

    private readonly Option<string?> _mode = Text("--mode", "M", $"bitmap, manual, initially-set, ring or {All} [{All}]");
    private readonly Option<string?> _scripts = Text("--scripts", "N", "scripts in each mode [200]");
    private readonly Option<string?> _steps = Text("--steps", "N", $"steps of a script [{ScriptGenerator.StepsByDefault}]");
    private readonly Option<string?> _seed = Text("--seed", "S", "decides every script [drawn from the clock]");
    private readonly Option<string?> _mutant = Text("--mutant", "M", "plants a defect in the model (livebed list mutants)");
    private readonly Option<bool> _modelAlone = new("--model")
    {
        Description = "compare the model with the defect of --mutant with the model, and ask no kernel",
    };
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/kernel.md)" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    private readonly Option<string?> _backing = Text(
        "--backing", "B", "memory of memslots: private, shared or hugetlb [private, and shared in a fifth of the scripts]");
    private readonly Option<string?> _recordMode = Text("--mode", "M", $"bitmap, manual, initially-set, ring or {All} [{All}]");
    private readonly Option<string?> _recordScripts = Text("--scripts", "N", "scripts in each mode [200]");
    private readonly Option<string?> _recordSteps = Text("--steps", "N", $"steps of a script [{ScriptGenerator.StepsByDefault}]");
    private readonly Option<string?> _recordSeed = Text("--seed", "S", "decides every script [drawn from the clock]");
    private readonly Option<string?> _recordBacking = Text(
        "--backing", "B", "memory of memslots: private, shared or hugetlb [private, and shared in a fifth of the scripts]");
    private readonly Option<bool> _recordVerbose = new("--verbose") { Description = "show where an error came from" };

    private readonly Argument<string[]> _recordings = new("file")
    {
        Description = "what livebed kernel record has printed (docs/kernel.md)",
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<bool> _compareVerbose = new("--verbose") { Description = "show where an error came from" };

    private readonly Argument<string[]> _files = new("file")
    {
        Description = "scripts (docs/kernel.md)",
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<string?> _on = Text("--on", "W", "model, kernel or both [both, the model alone where there is no kernel]");
    private readonly Option<bool> _playJson = new("--json") { Description = "print one JSON object and nothing else (docs/kernel.md)" };
    private readonly Option<bool> _playVerbose = new("--verbose") { Description = "show where an error came from" };

    private readonly Option<string?> _raceTime = Text("--for", "30s", "how long each race takes [2s]");
    private readonly Option<string?> _raceVcpus = Text("--vcpus", "N", $"that write, 1 to {KernelScript.VcpusMax} [2]");
    private readonly Option<string?> _raceSeed = Text("--seed", "S", "decides pages, not their order in time [drawn from the clock]");
    private readonly Option<string?> _raceLog = Text("--log", "M", $"bitmap, manual, initially-set, ring or {All} [{All}]");
    private readonly Option<string?> _raceBeside = Text(
        "--beside", "B", "none, move, replace, dont-need, fork, merge, signal, pfn-cache or all [all]");
    private readonly Option<bool> _raceJson = new("--json") { Description = "print one JSON object and nothing else (docs/kernel.md)" };
    private readonly Option<bool> _raceVerbose = new("--verbose") { Description = "show where an error came from" };

    public KernelOptions()
    {
        Command = new Command("kernel", "Plays random scripts on the model and on this machine's KVM, and compares every answer.")
        {
            _mode,
            _scripts,
            _steps,
            _seed,
            _backing,
            _mutant,
            _modelAlone,
            _json,
            _verbose,
        };
        Play = new Command("play", "Plays scripts, and compares their answers and what they expect.")
        {
            _files,
            _on,
            _playJson,
            _playVerbose,
        };
        Record = new Command("record", "Prints what this machine's KVM answers to random scripts, for livebed kernel compare.")
        {
            _recordMode,
            _recordScripts,
            _recordSteps,
            _recordSeed,
            _recordBacking,
            _recordVerbose,
        };
        Compare = new Command("compare", "Plays the scripts of a recording on the model, and compares the answers.")
        {
            _recordings,
            _compareVerbose,
        };
        Survey = new Command("survey", "Says as JSON what this machine's KVM is and can.");
        Race = new Command("race", "Lets a guest write while its log is read, its memslot changes and pages go.")
        {
            _raceTime,
            _raceVcpus,
            _raceSeed,
            _raceLog,
            _raceBeside,
            _raceJson,
            _raceVerbose,
        };
        Command.Add(Play);
        Command.Add(Record);
        Command.Add(Compare);
        Command.Add(Race);
        Command.Add(Survey);
    }

    public Command Command { get; }

    public Command Play { get; }

    public Command Record { get; }

    public Command Compare { get; }

    public Command Survey { get; }

    public Command Race { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public RaceRequest ReadRace(ParseResult parsed, TimeProvider clock)
    {
        var kind = ValueKinds.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1));
        var time = TimeSpan.FromSeconds(2);
        if (parsed.GetValue(_raceTime) is { } text && kind.Parse(text, out time) is { } problem)
            throw new UsageException($"--for {text}: {problem}; allowed: {kind.Allowed}");
        var beside = parsed.GetValue(_raceBeside) is { } word && word != All ? word : null;
        List<string> known = [.. Enum.GetValues<KvmDisturbance>().Select(one => ScriptWords.Of(one)), RaceRequest.PfnCache];
        if (beside is not null && !known.Contains(beside))
            throw new UsageException($"--beside {beside}: is unknown; allowed: {string.Join(", ", known)}, {All}");
        return new RaceRequest(
            time, (int)Figure(parsed, _raceVcpus, 1, KernelScript.VcpusMax, 2),
            (int)Figure(parsed, _raceSeed, 0, int.MaxValue, clock.GetUtcNow().UtcTicks % DrawnSeeds), parsed.GetValue(_raceJson))
        {
            Logs = Modes(parsed.GetValue(_raceLog), _raceLog.Name),
            Beside = beside,
        };
    }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public KernelRequest Read(ParseResult parsed, TimeProvider clock)
    {
        var mutant = parsed.GetValue(_mutant) is { } name
            ? Mutant.Find(name) ?? throw new UsageException($"--mutant {name}: is unknown; allowed: livebed list mutants")
            : null;
        var modelAlone = parsed.GetValue(_modelAlone);
        if (modelAlone && mutant is null)
            throw new UsageException("--model: compares a defect with the model, and none is given; allowed: --model with --mutant");
        return new KernelRequest(
            Modes(parsed.GetValue(_mode), _mode.Name), (int)Figure(parsed, _scripts, 1, 10_000_000, 200),
            (int)Figure(parsed, _steps, 1, KernelScript.StepsMax, ScriptGenerator.StepsByDefault),
            Figure(parsed, _seed, 0, long.MaxValue, clock.GetUtcNow().UtcTicks % DrawnSeeds), mutant, modelAlone,
            parsed.GetValue(_json))
        {
            Backing = Backing(parsed.GetValue(_backing)),
        };
    }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public KernelRequest ReadRecord(ParseResult parsed, TimeProvider clock) => new(
        Modes(parsed.GetValue(_recordMode), _recordMode.Name), (int)Figure(parsed, _recordScripts, 1, 10_000_000, 200),
        (int)Figure(parsed, _recordSteps, 1, KernelScript.StepsMax, ScriptGenerator.StepsByDefault),
        Figure(parsed, _recordSeed, 0, long.MaxValue, clock.GetUtcNow().UtcTicks % DrawnSeeds), Mutant: null, ModelAlone: false,
        Json: false)
    {
        Backing = Backing(parsed.GetValue(_recordBacking)),
    };

    public IReadOnlyList<string> ReadCompare(ParseResult parsed) => parsed.GetValue(_recordings)!;

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public PlayRequest ReadPlay(ParseResult parsed)
    {
        var on = parsed.GetValue(_on);
        if (on is not (null or "model" or "kernel" or "both"))
            throw new UsageException($"--on {on}: is unknown; allowed: model, kernel, both");
        return new PlayRequest(parsed.GetValue(_files)!, on, parsed.GetValue(_playJson));
    }

    private static IReadOnlyList<DirtyLogMode> Modes(string? text, string option)
    {
        if (text is null or All) return ScriptWords.Modes;
        foreach (var mode in ScriptWords.Modes)
            if (ScriptWords.Of(mode) == text) return [mode];
        throw new UsageException(
            $"{option} {text}: is unknown; allowed: {string.Join(", ", ScriptWords.Modes.Select(mode => ScriptWords.Of(mode)))}, {All}");
    }

    private static BackingKind? Backing(string? text)
    {
        if (text is null) return null;
        foreach (var backing in Enum.GetValues<BackingKind>())
            if (ScriptWords.Of(backing) == text) return backing;
        var words = string.Join(", ", Enum.GetValues<BackingKind>().Select(backing => ScriptWords.Of(backing)));
        throw new UsageException($"--backing {text}: is unknown; allowed: {words}");
    }

    private static long Figure(ParseResult parsed, Option<string?> option, long min, long max, long usual)
    {
        if (parsed.GetValue(option) is not { } text) return usual;
        var kind = ValueKinds.Long("", min, max);
        return kind.Parse(text, out var value) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : value;
    }

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };
}

/// <summary>What `kernel` was asked for.</summary>
/// <param name="Modes">of the dirty log, each with its own scripts</param>
/// <param name="Scripts">in each mode</param>
/// <param name="Steps">of each script</param>
/// <param name="Seed">decides every script</param>
/// <param name="Mutant">the model's defect, or null</param>
/// <param name="ModelAlone">the other side is the model without the defect</param>
/// <param name="Json">whether the answer is JSON</param>
internal sealed record KernelRequest(
    IReadOnlyList<DirtyLogMode> Modes, int Scripts, int Steps, long Seed, Mutant? Mutant, bool ModelAlone, bool Json)
{
    /// <summary>Each mode has seeds of its own.</summary>
    private const ulong SeedsPerMode = 1UL << 40;

    /// <summary>What memslots lie on; null for private memory, and a fifth of the scripts on a file.</summary>
    public BackingKind? Backing { get; init; }

    /// <summary>One of the scripts.</summary>
    /// <param name="mode">one of the modes</param>
    /// <param name="index">from 0 on</param>
    /// <param name="hasMerging">whether pages may be merged</param>
    public ScriptDraw Draw(DirtyLogMode mode, int index, bool hasMerging) =>
        new(mode, Backing, (ulong)Seed + (ulong)mode * SeedsPerMode + (ulong)index, Steps, hasMerging);
}

/// <summary>What `kernel race` was asked for: how long each race takes, how many vCPUs write, and which pages.</summary>
internal sealed record RaceRequest(TimeSpan Time, int Vcpus, int Seed, bool Json)
{
    /// <summary>The race that has no guest.</summary>
    public const string PfnCache = "pfn-cache";

    /// <summary>Ways of logging.</summary>
    public required IReadOnlyList<DirtyLogMode> Logs { get; init; }

    /// <summary>What happens beside the writes; null for each by turns.</summary>
    public string? Beside { get; init; }
}

/// <summary>What `kernel play` was asked for: scripts, where they are played (null: wherever they can be), and whether the answer is
/// JSON.</summary>
internal sealed record PlayRequest(IReadOnlyList<string> Files, string? On, bool Json);
