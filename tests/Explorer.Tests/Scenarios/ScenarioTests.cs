using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>What a scenario owes: a claim at its head, parameters within bounds, and a plan of which any part can be left out.</summary>
public sealed class ScenarioTests
{
    private const int SchedulesWithout = 25;

    public static TheoryData<string> Scenarios => [.. ScenarioCatalog.All.Select(scenario => scenario.Name)];

    [Fact]
    public void Names_differ_and_are_kebab_case()
    {
        Assert.Equal(ScenarioCatalog.All.Count, ScenarioCatalog.All.Select(scenario => scenario.Name).Distinct().Count());
        Assert.All(ScenarioCatalog.All, scenario => Assert.Matches("^[a-z]+(-[a-z]+)*$", scenario.Name));
    }

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Its_summary_opens_with_its_claim(string name)
    {
        var head = $"internal sealed class {ScenarioCatalog.Find(name)!.GetType().Name} : Scenario";
        var lines = Directory.EnumerateFiles(Source(), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllLines)
            .Single(file => file.Contains(head, StringComparer.Ordinal));
        var summary = lines.TakeWhile(line => line != head).ToList()
            .FindLastIndex(line => line.StartsWith("/// <summary>", StringComparison.Ordinal));
        Assert.StartsWith("/// Claim: ", lines[summary + 1], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Every_parameter_may_be_at_either_bound(string name)
    {
        var scenario = ScenarioCatalog.Find(name)!;
        foreach (var parameter in scenario.Parameters)
            foreach (var value in (int[])[parameter.Min, parameter.Max])
            {
                var setup = new ScenarioSetup("active-count") { Parameters = new Dictionary<string, int> { [parameter.Name] = value } };
                for (ulong seed = 1; seed <= 5; seed++)
                    AssertUnbroken(
                        new PlanPlayer(new ScenarioPlan(scenario, setup, seed), Exclusions.None), seed, $"{parameter.Name} = {value}");
            }
    }

    /// <summary>Every actor and operation by turns, or, where the plan is drawn from the seed, of a few plans.</summary>
    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Any_actor_or_operation_can_be_left_out_without_a_false_alarm(string name)
    {
        var scenario = ScenarioCatalog.Find(name)!;
        for (ulong seed = 1; seed <= (scenario.IsDrawnFromSeed ? 4UL : 1); seed++)
        {
            var plan = new ScenarioPlan(scenario, new ScenarioSetup("active-count"), seed);
            foreach (var actor in plan.Actors)
            {
                AssertUnbroken(plan, scenario, actor.Name);
                for (var operation = 0; operation < actor.Operations.Count; operation++)
                    AssertUnbroken(plan, scenario, Exclusions.NameOf(actor, operation));
            }
        }
    }

    private static void AssertUnbroken(ScenarioPlan plan, Scenario scenario, string without)
    {
        var player = new PlanPlayer(plan, Exclusions.None.With(without));
        for (ulong seed = 1; seed <= (scenario.IsDrawnFromSeed ? 2UL : SchedulesWithout); seed++)
            AssertUnbroken(player, seed, $"without {without}");
    }

    private static void AssertUnbroken(PlanPlayer player, ulong seed, string what)
    {
        var played = player.Play(new VirtualWorld(new RandomStrategy(seed)));
        Assert.False(
            played.IsBroken,
            $"{what}, seed {seed}: {played.Result} {Text.Of(played.Violations)} {played.Result.Failure}");
    }

    private static string Source()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Cluster.sln"))) folder = folder.Parent;
        return Path.Combine(folder!.FullName, "src", "Explorer", "Scenarios");
    }
}
