using System.Text.Json;
using Livebed.Kvm.Checks;

namespace Livebed.Kvm.Tests.Mutants;

/// <summary>The catalogue of mutants is whole, and what it says can be looked up.</summary>
public sealed class MutantTests
{
    [Fact]
    public void Every_mutant_has_its_own_name_and_can_be_found_by_it()
    {
        Assert.Equal("no-retry-check", Mutant.NoRetryCheck.Name);
        Assert.Equal(Mutant.All.Count, Mutant.All.Select(mutant => mutant.Name).Distinct().Count());
        Assert.All(Mutant.All, mutant => Assert.Same(mutant, Mutant.Find(mutant.Name)));
    }

    [Fact]
    public void Every_mutant_is_caught_by_invariants_that_there_are()
    {
        Assert.All(Mutant.All, mutant => Assert.NotEmpty(mutant.CaughtBy));
        Assert.All(Mutant.All, mutant => Assert.All(mutant.CaughtBy, id => Assert.Contains(id, Checks.InvariantCatalog.All.Keys)));
    }

    [Fact]
    public void In_a_message_a_mutant_is_its_name_and_an_unknown_one_is_refused()
    {
        var plan = new Plan(Mutant.NoRetryCheck, null);
        var text = JsonSerializer.Serialize(plan);
        Assert.Equal("""{"First":"no-retry-check","Second":null}""", text);
        Assert.Equal(plan, JsonSerializer.Deserialize<Plan>(text));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<Plan>("""{"First":"no-such-mutant","Second":null}"""));
    }

    private sealed record Plan(Mutant? First, Mutant? Second);
}
