using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Terminal;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Explorer.Witnesses;
using Livebed.Kvm.Checks;
using Spectre.Console;

namespace Livebed.Driver.Exploring;

/// <summary>
/// What a search says: what was searched and how far, the verdict, potential deadlocks, the worst case, and for a finding what it violates,
/// its witness, and the commands that repeat it. The witness is drawn only where one scenario was asked for: `replay` draws it of any.
/// </summary>
internal sealed class ExploreReport(ReportPage page, bool isAlone, bool isVerbose)
{
    /// <summary>Rows of a witness that are drawn; the end is what matters.</summary>
    private const int RowsMax = 120;

    public void WriteHead(Scenario scenario, ExploreRequest request)
    {
        page.Line(scenario.Name, style: new Style(decoration: Decoration.Bold));
        page.Line(scenario.Claim, 2);
        var mutant = request.Setup.Mutant is null ? "" : $", mutant {Mutant.NameOf(request.Setup.Mutant)}";
        var search = request.Search;
        page.Line(FormattableString.Invariant($"protocol {request.Setup.Protocol}{mutant}, {StrategyOf(search)}, seed {search.Seed}"), 2);
    }

    public void Write(Explored explored)
    {
        var result = explored.Result;
        page.Verdict(explored.Verdict, result.Finding?.Expected);
        var pace = FormattableString.Invariant($"{Figures.Count(explored.StepsPerSecond)} steps/s in {explored.Elapsed.TotalSeconds:0.0}s");
        page.Line(FormattableString.Invariant($"schedules {result.Schedules:N0}, steps {result.Steps:N0}, {pace}; {Extent(explored)}"), 2);
        WriteReached(explored);
        if (result.Limit is { } limit) page.Line($"limit hit: {limit}", 2);
        foreach (var cycle in result.PotentialDeadlocks)
        {
            page.Line($"potential deadlock: {cycle}");
            foreach (var chain in cycle.Chains) page.Line(chain, 4);
        }

        if (explored is { Scenario.Objective: { } objective, Result.Worst: { } worst, WorstFile: { } worstFile })
        {
            page.Line(FormattableString.Invariant($"{objective.Title}: {worst.Value} {objective.Unit} at most"), 2);
            page.Copyable($"  see it with   {CommandText.Livebed} {CommandText.Words(["replay", worstFile])}");
        }

        if (result.Finding is { } finding) WriteFinding(explored, finding);
        page.Line();
    }

    /// <summary>What the scenario exists for, with the schedules that met it; of one scenario alone also what else was met.</summary>
    private void WriteReached(Explored explored)
    {
        var (result, needs) = (explored.Result, explored.Scenario.Needs);
        if (result.Schedules == 0) return;
        foreach (var need in needs)
        {
            var met = result.Reached.GetValueOrDefault(need);
            page.Line(
                met == 0
                    ? $"never met: {need.Name}: {need.Sentence}"
                    : FormattableString.Invariant($"{need.Sentence}: in {met:N0} of {result.Schedules:N0} schedules"), 2);
        }

        var others = ReachedCase.All.Where(one => result.Reached.ContainsKey(one) && !needs.Contains(one)).ToList();
        if (isAlone && others.Count > 0)
            page.Line($"met too: {string.Join(", ", others.Select(one => $"{one.Name} {Figures.Count(result.Reached[one])}"))}", 2);
    }

    public void WriteSummary(IReadOnlyList<Explored> explored)
    {
        var table = Tables.Create("scenario", "verdict", "schedules", "steps");
        foreach (var one in explored)
            table.Row(
                one.Scenario.Name, one.Verdict.ToString().ToLowerInvariant(), Figures.Count(one.Result.Schedules),
                Figures.Count(one.Result.Steps));
        page.Console.Write(table);
    }

    /// <summary>The search that finds it at once: its own seed, one schedule. Schedules of dfs and of an adaptive search depend on those
    /// before them, so there it is as many.</summary>
    internal static string RepeatCommand(Explored explored, Finding finding)
    {
        var (search, setup) = (explored.Search, explored.Setup);
        var isDfs = search.Strategy == StrategyKind.Dfs;
        var dependsOnOthers = isDfs || search.Strategy == StrategyKind.Adaptive;
        List<string> words = ["explore", explored.Scenario.Name, "--protocol", setup.Protocol];
        if (setup.ProtocolAssembly is { } assembly) words.AddRange(["--protocol-assembly", assembly]);
        if (setup.Mutant is not null) words.AddRange(["--mutant", Mutant.NameOf(setup.Mutant)]);
        words.AddRange(["--strategy", KebabCase.Of(search.Strategy)]);
        if (search.Strategy == StrategyKind.Pct) words.AddRange(["--depth", FormattableString.Invariant($"{search.Depth}")]);
        if (isDfs) words.AddRange(["--preemptions", FormattableString.Invariant($"{search.Preemptions}")]);
        foreach (var (name, value) in setup.Parameters) words.AddRange(["--set", FormattableString.Invariant($"{name}={value}")]);
        words.AddRange(["--seed", FormattableString.Invariant($"{finding.Seed}")]);
        words.AddRange(["--schedules", FormattableString.Invariant($"{(dependsOnOthers ? finding.Schedule : 1)}")]);
        return $"{CommandText.Livebed} {CommandText.Words(words)}";
    }

    private void WriteFinding(Explored explored, Finding finding)
    {
        page.Line();
        if (isAlone) WriteWitness(explored);
        page.Violations(finding.Violations);
        if (finding.Failure is { } failure)
        {
            page.Line($"a lane threw {failure.GetType().Name}: {OneLine.Of(failure.Message)}");
            if (isVerbose) page.Line(failure.ToString(), 4);
        }

        page.Line();
        if (explored.ReplayFile is { } file)
        {
            page.Copyable($"replay file   {file}");
            page.Copyable($"replay with   {CommandText.Livebed} {CommandText.Words(["replay", file])}");
            page.Copyable($"shrink with   {CommandText.Livebed} {CommandText.Words(["shrink", file])}");
        }

        page.Copyable($"search again  {RepeatCommand(explored, finding)}");
    }

    private void WriteWitness(Explored explored)
    {
        var rows = WitnessRows.Of(explored.Witness);
        if (rows.Count > RowsMax)
            page.Line(FormattableString.Invariant($"... {rows.Count - RowsMax} rows before these: replay shows them"), 2);
        new WitnessView(page).Write([.. rows.Skip(rows.Count - RowsMax)]);
        page.Line();
    }

    private static string Extent(Explored explored)
    {
        var result = explored.Result;
        if (result.Schedules == 0) return "nothing was played";
        if (explored.Search.Strategy != StrategyKind.Dfs) return result.Finding is null ? "not exhaustive" : "stopped at the first finding";
        var equivalent = result.Equivalent == 0
            ? ""
            : FormattableString.Invariant($", {result.Equivalent:N0} of them given up as equal to others");
        var bound = FormattableString.Invariant($"with at most {explored.Search.Preemptions} preemptions");
        var extent = result.IsExhaustive ? "exhaustive: all" : "not exhaustive: some";
        return $"{extent} interleavings {bound}{equivalent}";
    }

    private static string StrategyOf(SearchOptions search) => search.Strategy switch
    {
        StrategyKind.Pct => FormattableString.Invariant($"pct of depth {search.Depth}"),
        StrategyKind.Dfs => FormattableString.Invariant($"dfs with at most {search.Preemptions} preemptions"),
        StrategyKind.Adaptive => "adaptive",
        _ => "random",
    };
}
