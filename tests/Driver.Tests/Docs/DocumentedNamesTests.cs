using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Tests.Docs;

/// <summary>The tables of protocols, mutants and invariants have what the catalogues have, and nothing else.</summary>
public sealed class DocumentedNamesTests
{
    private const string Protocols = "docs/protocols.md";

    [Fact]
    public void The_table_of_protocols_is_the_catalogue_and_each_has_its_section()
    {
        var names = ProtocolCatalog.All.Select(entry => $"`{entry.Name}`").ToList();
        Assert.Equal(names, Documents.Table(Protocols, "## The six").Select(row => row[0]));
        var sections = Repository.File(Protocols)
            .Split('\n').Where(line => line.StartsWith("### `", StringComparison.Ordinal)).Select(line => line[4..].Split(':')[0]);
        Assert.Equal(names, sections);
    }

    [Fact]
    public void The_table_of_mutants_is_the_catalogue_with_story_checks_and_campaign()
    {
        var rows = Documents.Table(Protocols, "## Mutants").Select(row => $"{row[0]} {row[1]} {row[3]} {row[4]}");
        Assert.Equal(Mutant.All.Select(Row), rows);

        static string Row(Mutant entry)
        {
            var campaign = entry.Campaign is null ? "none" : $"`{entry.Campaign}`";
            return $"`{entry.Name}` {entry.Story} {string.Join(", ", entry.CaughtBy)} {campaign}";
        }
    }

    [Fact]
    public void Every_campaign_of_a_mutant_is_shipped()
    {
        Assert.All(
            Mutant.All.Where(entry => entry.Campaign is not null),
            entry => Assert.True(File.Exists(Path.Combine(Repository.Root, "campaigns", $"{entry.Campaign}.yaml")), entry.Campaign));
    }

    [Theory]
    [InlineData("ARCHITECTURE.md", "## Invariants")]
    [InlineData("docs/limits.md", "## What each check sees")]
    public void The_table_of_invariants_is_the_catalogue_and_each_names_a_file_that_checks_it(string document, string heading)
    {
        var rows = Documents.Table(document, heading);
        Assert.Equal(
            InvariantCatalog.All.Keys.Order(StringComparer.Ordinal), rows.Select(row => row[0].Trim('`')).Order(StringComparer.Ordinal));
        Assert.All(rows, row => Assert.Contains("src/", row[2], StringComparison.Ordinal));
    }

    [Fact]
    public void Every_limit_names_a_file_that_keeps_it()
    {
        var rows = Documents.Table("docs/limits.md", "## Limits");
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Contains("src/", row[2], StringComparison.Ordinal));
    }
}
