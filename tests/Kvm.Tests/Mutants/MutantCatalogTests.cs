using Livebed.Kvm.Mutants;

namespace Livebed.Kvm.Tests.Mutants;

/// <summary>The catalog is whole, and what it says can be looked up.</summary>
public sealed class MutantCatalogTests
{
    [Fact]
    public void Every_mutant_of_the_enum_is_in_the_catalog_once_and_has_its_own_name()
    {
        Assert.Equal(
            Enum.GetValues<Mutant>().Where(mutant => mutant != Mutant.None).Order(), MutantCatalog.All.Select(entry => entry.Id).Order());
        Assert.Equal(MutantCatalog.All.Count, MutantCatalog.All.Select(entry => entry.Name).Distinct().Count());
        Assert.All(MutantCatalog.All, entry => Assert.All(entry.CaughtBy, id => Assert.Contains(id, Checks.InvariantCatalog.All.Keys)));
    }
}
