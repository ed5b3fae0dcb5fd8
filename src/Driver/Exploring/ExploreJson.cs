using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Livebed.Driver.Errors;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Witnesses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Driver.Exploring;

/// <summary>What `explore --json` and `replay --json` print; docs/explorer.md explains each field. A field without a value is null, never
/// absent.</summary>
internal static class ExploreJson
{
    public static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(KebabCase.InJson, allowIntegerValues: false) },
    };

    public static string Write(IReadOnlyList<Explored> explored, bool interrupted) => JsonSerializer.Serialize(
        new { verdict = explored.Max(one => one.Verdict), interrupted, scenarios = explored.Select(ScenarioOf) }, Options) + "\n";

    public static object ViolationOf(Violation violation) => new
    {
        violation.Invariant,
        says = InvariantCatalog.All.GetValueOrDefault(violation.Invariant, ""),
        violation.Message,
        violation.Vm,
        gfn = violation.Gfn?.Value,
        hva = violation.Hva?.Value,
        pfn = violation.Pfn?.Value,
        operations = (violation.Operations ?? []).Select(operation => operation.ToString()),
        witness = violation.Witness ?? [],
    };

    public static object EntryOf(WitnessEntry entry) => new { entry.Step, entry.Lane, entry.Kind, entry.Text };

    public static string HashOf(ulong hash) => hash.ToString("x16", CultureInfo.InvariantCulture);

    private static object ScenarioOf(Explored one) => new
    {
        scenario = one.Scenario.Name,
        claim = one.Scenario.Claim,
        protocol = one.Setup.Protocol,
        mutant = Mutant.NameOf(one.Setup.Mutant),
        parameters = one.Scenario.AllParameters.ToDictionary(
            known => known.Name, known => one.Setup.Parameters.GetValueOrDefault(known.Name, known.Default)),
        strategy = one.Search.Strategy,
        seed = one.Search.Seed,
        verdict = one.Verdict,
        schedules = one.Result.Schedules,
        steps = one.Result.Steps,
        elapsedSeconds = Math.Round(one.Elapsed.TotalSeconds, 3),
        stepsPerSecond = Math.Round(one.StepsPerSecond),
        isExhaustive = one.Result.IsExhaustive,
        equivalent = one.Result.Equivalent,
        limit = one.Result.Limit,
        potentialDeadlocks = one.Result.PotentialDeadlocks.Select(cycle => new { cycle = cycle.ToString(), cycle.Chains }),
        needs = one.Scenario.Needs.Select(need => need.Name),
        neverMet = one.Result.Schedules == 0 ? [] : one.NeverMet.Select(need => need.Name),
        reached = ReachedCase.All.Where(one.Result.Reached.ContainsKey)
            .Select(met => new { @case = met.Name, schedules = one.Result.Reached[met] }),
        worst = one is { Result.Worst: { } worst, Scenario.Objective: { } objective }
            ? new { objective.Title, objective.Unit, worst.Value, replayFile = one.WorstFile }
            : null,
        finding = one.Result.Finding is { } finding ? FindingOf(one, finding) : null,
    };

    private static object FindingOf(Explored one, Finding finding) => new
    {
        finding.Schedule,
        finding.Seed,
        finding.Expected,
        failure = finding.Failure is { } failure ? $"{failure.GetType().Name}: {OneLine.Of(failure.Message)}" : null,
        violations = finding.Violations.Select(ViolationOf),
        replayFile = one.ReplayFile,
        logHash = HashOf(finding.Replay.LogHash),
        searchAgain = ExploreReport.RepeatCommand(one, finding),
        witness = one.Witness.Select(EntryOf),
    };
}
