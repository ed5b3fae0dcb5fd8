using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.MutantRuns;

/// <summary>The options of `mutants`.</summary>
internal sealed class MutantsOptions
{
    private const int UsualSeeds = 20;
    private const string Mixed = "mixed";

    private static readonly StrategyKind[] _strategies = [StrategyKind.Random, StrategyKind.Pct, StrategyKind.Adaptive];
    private static readonly TimeSpan _usualBudget = TimeSpan.FromSeconds(60);

    private readonly Option<string?> _budget = new("--budget") { HelpName = "60s", Description = "at most so long altogether [60s]" };
    private readonly Option<string?> _seeds = new("--seeds") { HelpName = "N", Description = $"searches for each mutant [{UsualSeeds}]" };
    private readonly Option<string?> _strategy = new("--strategy")
    {
        HelpName = Mixed + "|random|pct|adaptive",
        Description = $"how schedules are chosen; {Mixed} is random and pct by turns [{Mixed}]",
    };
    private readonly Option<string[]> _only = new("--only")
    {
        HelpName = "M",
        Description = "this mutant and no other (livebed list mutants); can be repeated",
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public MutantsOptions() =>
        Command = new Command("mutants", "Switches every known defect on and says which check caught it, and how fast.")
        {
            _budget,
            _seeds,
            _strategy,
            _only,
            _json,
            _quiet,
            _verbose,
        };

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public MutantsRequest Read(ParseResult parsed)
    {
        var names = parsed.GetValue(_only) ?? [];
        if (names.FirstOrDefault(name => Mutant.Find(name) is null) is { } unknown)
            throw new UsageException(
                $"--only {unknown}: is no mutant; allowed: {string.Join(", ", Mutant.All.Select(entry => entry.Name))}");
        return new MutantsRequest(
            [.. Mutant.All.Where(entry => names.Length == 0 || names.Contains(entry.Name))],
            Value(parsed, _seeds, ValueKinds.Integer("seeds", 1, 1_000), UsualSeeds),
            Value(parsed, _budget, ValueKinds.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1)), _usualBudget),
            Value(parsed, _strategy, ValueKinds.OneOf([Mixed, .. _strategies.Select(KebabCase.Of)]), Mixed) is var name && name == Mixed
                ? null
                : _strategies.First(kind => KebabCase.Of(kind) == name),
            parsed.GetValue(_json), parsed.GetValue(_quiet));
    }

    private static T Value<T>(ParseResult parsed, Option<string?> option, ValueKind<T> kind, T usual)
    {
        if (parsed.GetValue(option) is not { } text) return usual;
        return kind.Parse(text, out var value) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : value;
    }
}

/// <summary>What `mutants` was asked for, checked.</summary>
/// <param name="Mutants">to hunt</param>
/// <param name="Seeds">searches for each</param>
/// <param name="Budget">for all of them</param>
/// <param name="Strategy">null for random and PCT by turns</param>
/// <param name="Json">print JSON</param>
/// <param name="Quiet">print no progress</param>
internal sealed record MutantsRequest(IReadOnlyList<Mutant> Mutants, int Seeds, TimeSpan Budget, StrategyKind? Strategy, bool Json,
    bool Quiet = false);
