using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Explorer.Kernels;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;

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
        Survey = new Command("survey", "Says as JSON what this machine's KVM is and can.");
        Race = new Command("race", "Lets a guest write while its log is read, its memslot changes and pages go.")
        {
            _raceTime,
            _raceVcpus,
            _raceSeed,
            _raceJson,
            _raceVerbose,
        };
        Command.Add(Play);
        Command.Add(Race);
        Command.Add(Survey);
    }

    public Command Command { get; }

    public Command Play { get; }

    public Command Survey { get; }

    public Command Race { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public RaceRequest ReadRace(ParseResult parsed, TimeProvider clock)
    {
        var kind = ValueKinds.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1));
        var time = TimeSpan.FromSeconds(2);
        if (parsed.GetValue(_raceTime) is { } text && kind.Parse(text, out time) is { } problem)
            throw new UsageException($"--for {text}: {problem}; allowed: {kind.Allowed}");
        return new RaceRequest(
            time, (int)Figure(parsed, _raceVcpus, 1, KernelScript.VcpusMax, 2),
            (int)Figure(parsed, _raceSeed, 0, int.MaxValue, clock.GetUtcNow().UtcTicks % DrawnSeeds), parsed.GetValue(_raceJson));
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
            Modes(parsed.GetValue(_mode)), (int)Figure(parsed, _scripts, 1, 10_000_000, 200),
            (int)Figure(parsed, _steps, 1, KernelScript.StepsMax, ScriptGenerator.StepsByDefault),
            Figure(parsed, _seed, 0, long.MaxValue, clock.GetUtcNow().UtcTicks % DrawnSeeds), mutant, modelAlone, parsed.GetValue(_json));
    }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public PlayRequest ReadPlay(ParseResult parsed)
    {
        var on = parsed.GetValue(_on);
        if (on is not (null or "model" or "kernel" or "both"))
            throw new UsageException($"--on {on}: is unknown; allowed: model, kernel, both");
        return new PlayRequest(parsed.GetValue(_files)!, on, parsed.GetValue(_playJson));
    }

    private static IReadOnlyList<DirtyLogMode> Modes(string? text)
    {
        if (text is null or All) return ScriptWords.Modes;
        foreach (var mode in ScriptWords.Modes)
            if (ScriptWords.Of(mode) == text) return [mode];
        throw new UsageException(
            $"--mode {text}: is unknown; allowed: {string.Join(", ", ScriptWords.Modes.Select(mode => ScriptWords.Of(mode)))}, {All}");
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
    IReadOnlyList<DirtyLogMode> Modes, int Scripts, int Steps, long Seed, Mutant? Mutant, bool ModelAlone, bool Json);

/// <summary>What `kernel race` was asked for: how long each race takes, how many vCPUs write, and which pages.</summary>
internal sealed record RaceRequest(TimeSpan Time, int Vcpus, int Seed, bool Json);

/// <summary>What `kernel play` was asked for: scripts, where they are played (null: wherever they can be), and whether the answer is
/// JSON.</summary>
internal sealed record PlayRequest(IReadOnlyList<string> Files, string? On, bool Json);
