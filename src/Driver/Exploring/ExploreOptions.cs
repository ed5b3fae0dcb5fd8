using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Exploring;

/// <summary>The options of `explore`; each is checked here, before anything is played.</summary>
internal sealed class ExploreOptions
{
    /// <summary>Seeds drawn from the clock are short enough to be typed.</summary>
    private const long DrawnSeeds = 1L << 31;

    private static readonly TimeSpan _usualBudget = TimeSpan.FromSeconds(30);

    private readonly Argument<string?> _scenario = new("scenario")
    {
        Description = "what to play (livebed list scenarios) [all, which then share the budget]",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _protocol = Text(
        "--protocol", "P", $"the notifier protocol (livebed list protocols) [{ProtocolCatalog.ActiveCount}]");
    private readonly Option<string?> _assembly = Text(
        "--protocol-assembly", "DLL", "the assembly that has the protocol, if it is no preset (docs/protocols.md)");
    private readonly Option<string?> _mutant = Text("--mutant", "M", "search with a defect (livebed list mutants)");
    private readonly Option<string?> _strategy = Text("--strategy", "random|pct|dfs|adaptive", "how schedules are chosen [random]");
    private readonly Option<string?> _depth = Text(
        "--depth", "D", $"pct: ordering constraints that a bug may need [{PctStrategy.DefaultDepth}]");
    private readonly Option<string?> _preemptions = Text("--preemptions", "K", "dfs: preemptions that a schedule may have [2]");
    private readonly Option<string?> _schedules = Text(
        "--schedules", "N", "at most so many schedules of each scenario [no limit but the budget]");
    private readonly Option<string?> _budget = Text(
        "--budget", "30s", "at most so long altogether [30s, without a limit if --schedules is given]");
    private readonly Option<string?> _seed = Text("--seed", "S", "decides every schedule [drawn from the clock]");
    private readonly Option<string?> _replayFile = Text(
        "--replay-file", "FILE", "where a finding goes [<scenario>-<protocol>-<seed>.replay.json]");
    private readonly Option<bool> _determinism = new("--check-determinism")
    {
        Description = "play schedules twice and compare every event",
    };
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/explorer.md)" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "a parameter of the scenario, as in --set vcpus=2",
        HelpName = "name=value",
        Arity = ArgumentArity.OneOrMore,
    };

    public ExploreOptions()
    {
        Command = new Command("explore", "Searches the interleavings of a small scene for one that breaks an invariant.") { _scenario };
        foreach (var option in new Option[]
        {
            _protocol, _assembly, _mutant, _strategy, _depth, _preemptions, _schedules, _budget, _seed, _set, _replayFile, _determinism,
            _json, _quiet, _verbose,
        }) Command.Add(option);
    }

    public Command Command { get; }

    /// <summary>The assembly that the command line names; null for none.</summary>
    public string? AssemblyOf(ParseResult parsed) => parsed.GetValue(_assembly);

    /// <param name="parsed">the command line, which has no errors</param>
    /// <param name="currentFolder">what a relative replay file is relative to</param>
    /// <param name="clock">a seed is drawn from it when none is given</param>
    /// <exception cref="UsageException">A value is not allowed.</exception>
    public ExploreRequest Read(ParseResult parsed, string currentFolder, TimeProvider clock)
    {
        var scenario = ScenarioOf(parsed);
        var schedules = Value(parsed, _schedules, ValueKinds.Long("schedules", 1, 1_000_000_000_000));
        var checksDeterminism = parsed.GetValue(_determinism);
        return new ExploreRequest
        {
            Scenarios = scenario is null ? ScenarioCatalog.All : [scenario],
            Setup = SetupOf(parsed, scenario, currentFolder),
            Search = SearchOf(parsed, clock) with { Schedules = schedules ?? (checksDeterminism ? 1 : long.MaxValue) },
            Budget = Value(parsed, _budget, ValueKinds.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1)))
                ?? (schedules is null ? _usualBudget : null),
            ReplayFile = ReplayFileOf(parsed, scenario, currentFolder),
            ChecksDeterminism = checksDeterminism,
            Verbose = parsed.GetValue(_verbose),
            Json = parsed.GetValue(_json),
            Quiet = parsed.GetValue(_quiet),
        };
    }

    private Scenario? ScenarioOf(ParseResult parsed)
    {
        if (parsed.GetValue(_scenario) is not { } name) return null;
        return ScenarioCatalog.Find(name) ?? throw new UsageException(
            $"explore {name}: there is no such scenario; allowed: {string.Join(", ", ScenarioCatalog.All.Select(known => known.Name))}");
    }

    private ScenarioSetup SetupOf(ParseResult parsed, Scenario? scenario, string currentFolder)
    {
        var protocol = parsed.GetValue(_protocol);
        var mutants = new[] { Mutant.None }.Concat(Mutant.All.Select(entry => entry.Name)).ToList();
        var mutant = Text(parsed, _mutant, ValueKinds.OneOf(mutants)) ?? Mutant.None;
        return ProtocolFinder.FindProtocol(
            protocol, parsed.GetValue(_assembly), currentFolder, "--protocol" + (protocol is null ? "" : $" {protocol}")) with
        {
            Mutant = Mutant.Find(mutant),
            Parameters = ParametersOf(parsed.GetValue(_set) ?? [], scenario),
        };
    }

    private static Dictionary<string, int> ParametersOf(string[] settings, Scenario? scenario)
    {
        var parameters = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var text in settings)
        {
            var option = $"--set {text}";
            if (scenario is null) throw new UsageException($"{option}: which scenario's? allowed: --set with a scenario");
            var at = text.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0) throw new UsageException($"{option}: is no setting; allowed: --set name=value, as in --set vcpus=2");
            var name = text[..at].Trim();
            var parameter = scenario.AllParameters.FirstOrDefault(known => known.Name == name) ?? throw new UsageException(
                $"{option}: {scenario.Name} has no '{name}'; allowed: "
                    + (scenario.AllParameters.Count == 0
                        ? "nothing, it has no parameters"
                        : string.Join(", ", scenario.AllParameters.Select(known => known.Name))));
            var kind = ValueKinds.Integer(parameter.Summary, parameter.Min, parameter.Max);
            if (kind.Parse(text[(at + 1)..].Trim(), out var value) is { } problem)
                throw new UsageException($"{option}: {problem}; allowed: {kind.Allowed}");
            if (!parameters.TryAdd(name, value)) throw new UsageException($"{option}: {name} is set twice; allowed: each name once");
        }

        return parameters;
    }

    private SearchOptions SearchOf(ParseResult parsed, TimeProvider clock)
    {
        // Random by default and not pct: of two mutants with 1 and 3 vCPUs it needed fewer schedules nearly always (median 1 against 3).
        var strategy = Value(parsed, _strategy, ValueKinds.Enum<StrategyKind>()) ?? StrategyKind.Random;
        OnlyFor(parsed, _depth, strategy, StrategyKind.Pct);
        OnlyFor(parsed, _preemptions, strategy, StrategyKind.Dfs);
        var usual = new SearchOptions();
        return usual with
        {
            Strategy = strategy,
            Depth = Value(parsed, _depth, ValueKinds.Integer("changes", 1, 100)) ?? usual.Depth,
            Preemptions = Value(parsed, _preemptions, ValueKinds.Integer("preemptions", 0, 100)) ?? usual.Preemptions,
            Seed = (ulong)(Value(parsed, _seed, ValueKinds.Long("seed", 0, long.MaxValue)) ?? Drawn(clock)),
        };
    }

    private static long Drawn(TimeProvider clock) => (long)(SeededRandom.Mix((ulong)clock.GetUtcNow().UtcTicks) % DrawnSeeds);

    private static void OnlyFor(ParseResult parsed, Option<string?> option, StrategyKind strategy, StrategyKind needed)
    {
        if (strategy != needed && parsed.GetValue(option) is { } text)
            throw new UsageException(
                $"{option.Name} {text}: means nothing to this strategy; allowed: "
                    + $"with --strategy {KebabCase.Of(needed)}");
    }

    private string? ReplayFileOf(ParseResult parsed, Scenario? scenario, string currentFolder)
    {
        if (parsed.GetValue(_replayFile) is not { } text) return null;
        if (scenario is null)
            throw new UsageException($"--replay-file {text}: several scenarios cannot share a file; allowed: with a scenario");
        var path = Path.GetFullPath(text, currentFolder);
        if (Directory.Exists(path)) throw new UsageException($"--replay-file {text}: is a folder; allowed: a file");
        return Directory.Exists(Path.GetDirectoryName(path))
            ? path
            : throw new UsageException($"--replay-file {text}: its folder does not exist; allowed: a file in a folder that does");
    }

    private static T? Value<T>(ParseResult parsed, Option<string?> option, ValueKind<T> kind) where T : struct
    {
        if (parsed.GetValue(option) is not { } text) return null;
        return kind.Parse(text, out var value) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : value;
    }

    private static string? Text(ParseResult parsed, Option<string?> option, ValueKind<string> kind)
    {
        if (parsed.GetValue(option) is not { } text) return null;
        return kind.Parse(text, out _) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : text;
    }

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };
}

/// <summary>What `explore` was asked for, checked.</summary>
internal sealed record ExploreRequest
{
    /// <summary>Searched one after the other; they share the budget.</summary>
    public required IReadOnlyList<Scenario> Scenarios { get; init; }

    public required ScenarioSetup Setup { get; init; }

    /// <summary>How to search, without the callbacks.</summary>
    public required SearchOptions Search { get; init; }

    /// <summary>The time for all; null when only the number of schedules ends a search.</summary>
    public required TimeSpan? Budget { get; init; }

    /// <summary>Where the replay of a finding goes; null for the usual name in the current folder.</summary>
    public required string? ReplayFile { get; init; }

    public required bool ChecksDeterminism { get; init; }
    public required bool Verbose { get; init; }
    public required bool Json { get; init; }

    /// <summary>Print no progress.</summary>
    public bool Quiet { get; init; }
}
