using System.Diagnostics;
using System.Globalization;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Xunit.Abstractions;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>No false alarm: every scenario's claim holds under every protocol that is right. LIVEBED_SCHEDULES asks for more schedules of
/// each.</summary>
public sealed class CorrectProtocolTests(ITestOutputHelper output)
{
    private const long SeedFirst = 1;
    private static readonly string[] Correct = ["unconditional", "hva-range", "active-count", "gfn-range", "rwsem-unfair"];

    private static readonly long Schedules =
        long.TryParse(Environment.GetEnvironmentVariable("LIVEBED_SCHEDULES"), CultureInfo.InvariantCulture, out var given) ? given : 40;

    public static TheoryData<string> Scenarios => [.. ScenarioCatalog.All.Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void A_claim_holds_under_every_correct_protocol(string name)
    {
        var scenario = ScenarioCatalog.Find(name)!;
        var clock = Stopwatch.StartNew();
        long schedules = 0, steps = 0;
        foreach (var protocol in Correct)
            foreach (var strategy in (StrategyKind[])[StrategyKind.Random, StrategyKind.Pct])
            {
                var result = new Search(
                    scenario, new ScenarioSetup(protocol),
                    new SearchOptions { Strategy = strategy, Seed = SeedFirst, Schedules = Schedules }).Run();
                Assert.True(result.Finding is null, $"{name}, {protocol}, {strategy}: {Text.Of(result.Finding)}");
                Assert.True(
                    result.PotentialDeadlocks.Count == 0,
                    $"{name}, {protocol}: {string.Join(" -> ", result.PotentialDeadlocks.SelectMany(cycle => cycle.Chains))}");
                schedules += result.Schedules;
                steps += result.Steps;
            }

        output.WriteLine(
            $"{name}: {schedules} schedules, {steps / schedules} steps each, {schedules / clock.Elapsed.TotalSeconds:N0} schedules/s");
    }
}
