using Livebed.Driver.Errors;
using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Tests.Exploring;

/// <summary>A search that never met what its scenario exists for is unknown, and says what it missed.</summary>
public sealed class ReachedTests
{
    [Fact]
    public async Task A_search_is_unknown_exactly_if_it_says_what_was_never_met()
    {
        var exitCodes = new List<int>();
        for (var seed = 1; seed <= 12; seed++)
        {
            using var harness = new CommandHarness();
            exitCodes.Add(await harness.RunAsync("explore", "memslot-create", "--schedules", "1", "--seed", $"{seed}"));
            var misses = harness.Out.Contains("never met: ", StringComparison.Ordinal);
            Assert.Equal(misses ? ExitCodes.Unknown : ExitCodes.Valid, exitCodes[^1]);
        }

        Assert.Equal([ExitCodes.Valid, ExitCodes.Unknown], exitCodes.Distinct().Order());
    }

    [Fact]
    public void A_schedules_cases_fit_into_a_number_and_their_names_differ()
    {
        Assert.InRange(ReachedCase.All.Count, 1, ReachedCase.CasesMax);
        Assert.Equal(ReachedCase.All.Count, ReachedCase.All.Select(one => one.Name).Distinct().Count());
        Assert.All(ReachedCase.All, one => Assert.Same(one, ReachedCase.Find(one.Name)));
    }

    public static TheoryData<string> Scenarios => [.. ScenarioCatalog.All.Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void A_scenario_says_what_it_exists_for(string name)
    {
        var needs = ScenarioCatalog.Find(name)!.Needs;
        Assert.NotEmpty(needs);
        Assert.Equal(needs.Distinct(), needs);
    }
}
