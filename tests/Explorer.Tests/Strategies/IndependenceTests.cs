using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Xunit.Abstractions;

namespace Livebed.Explorer.Tests.Strategies;

/// <summary>
/// What depth-first search leaves out rests on footprints: steps of which neither writes what the other touches can change places. Here
/// they do, and everything after them must come out the same. A place that the model forgets to name shows as a difference.
/// </summary>
public sealed class IndependenceTests(ITestOutputHelper output)
{
    private const int Seeds = 12;
    private const int PlacesPerSeed = 12;

    public static TheoryData<string> Scenarios =>
        [.. ScenarioCatalog.All.Where(scenario => scenario is not Swarm && IsFit(scenario)).Select(scenario => scenario.Name)];

    private static bool IsFit(Scenario scenario) =>
        Enumerable.Range(1, Seeds).Any(seed => IsFit(new ScenarioPlan(scenario, new ScenarioSetup("active-count"), (ulong)seed)));

    /// <summary>It has several actors, no machine in it may die, no guest is paced and no answer is late by a timer: timers go by the
    /// number of steps, on which independent steps depend.</summary>
    private static bool IsFit(ScenarioPlan plan) => plan is
    {
        Actors.Count: > 1,
        Options: { MachinesDie: false, GuestPaceMicroseconds: 0, TakeOverAnswerMicroseconds: 0 },
    };

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Independent_steps_may_change_places(string name)
    {
        var swaps = 0;
        foreach (var protocol in (string[])["active-count", "gfn-range", "unconditional"])
        {
            var scenario = ScenarioCatalog.Find(name)!;
            for (ulong seed = 1; seed <= Seeds; seed++)
            {
                var plan = new ScenarioPlan(scenario, new ScenarioSetup(protocol), scenario.IsDrawnFromSeed ? seed : 1);
                if (!IsFit(plan)) continue;
                for (var place = 0; place < PlacesPerSeed; place++)
                    if (Swap(plan, seed, at: (int)(seed % 5) + 5 * place, $"{name} under {protocol}, seed {seed}, step")) swaps++;
            }
        }

        output.WriteLine($"{swaps} pairs changed places");
        Assert.True(swaps > 0, "no two steps were independent: nothing was tested");
    }

    /// <returns>whether there was an independent pair to swap</returns>
    private static bool Swap(ScenarioPlan plan, ulong seed, int at, string where)
    {
        var (first, before) = Play(plan, seed, at, swapped: false);
        if (!first.AreIndependent) return false;
        var (second, after) = Play(plan, seed, at, swapped: true);
        Assert.True(second.AreIndependent, $"{where} {at}: in the other order the steps depend on each other");
        Assert.True(
            first.After.SequenceEqual(second.After),
            $"{where} {at}: another order of independent steps leads to another schedule: "
                + $"{first} / {string.Join(" ", first.After.Take(12))} / {string.Join(" ", second.After.Take(12))}");
        Assert.True(before == after, $"{where} {at}: another order of independent steps ends elsewhere\n{before}\n{after}");
        Assert.True(first.Footprints.State == second.Footprints.State, $"{where} {at}: equal schedules have two hashes");
        return true;
    }

    private static (SwapStrategy Strategy, string End) Play(ScenarioPlan plan, ulong seed, int at, bool swapped)
    {
        var strategy = new SwapStrategy(seed, at, swapped);
        var played = new PlanPlayer(plan, Exclusions.None).Play(new VirtualWorld(strategy, footprints: strategy.Footprints));
        var counters = played.Stage.Vm.Vm.Counters;
        // How long an update waited is measured, not acted upon.
        var end = string.Join(
            ", ",
            counters.GetType().GetProperties().Where(property => property.Name != nameof(counters.StartsWhilePublishingMax))
                .Select(property => $"{property.Name} {property.GetValue(counters)}"));
        return (strategy, $"{played.Result.Outcome} {played.Result.Steps} {played.Violations.Count} {end}");
    }
}
