using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Campaigns;

namespace Livebed.Driver.Tests.CampaignFiles;

/// <summary>docs/campaigns.md has a row for every key, as the schema has it, and none for anything else.</summary>
public sealed class CampaignDocumentationTests
{
    [Fact]
    public void Every_key_is_documented_with_default_unit_and_bounds_and_nothing_else_is()
    {
        var expected = Campaign.Keys.Document("").Select(Row).ToList();
        var rows = Repository.File("docs/campaigns.md")
            .Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal)).ToList();
        var missing = expected.Except(rows).ToList();
        var surplus = rows.Except(expected).ToList();
        Assert.True(
            missing.Count == 0 && surplus.Count == 0,
            $"docs/campaigns.md lacks these rows:\n{string.Join('\n', missing)}\nand has these that no key "
                + $"matches:\n{string.Join('\n', surplus)}");
        Assert.Equal(expected.Count, rows.Count);
    }

    [Fact]
    public void The_schema_writes_every_default_as_the_reader_takes_it()
    {
        // A default of a name or a text in words is no value; all others must be read without complaint.
        var keys = Campaign.Keys.Document("").Where(key => !key.Path.StartsWith("vms", StringComparison.Ordinal));
        Assert.All(keys.Where(key => !key.Default.Contains(' ', StringComparison.Ordinal) && key.Default != "empty"), key =>
        {
            using var folder = new TemporaryFolder();
            var file = folder.Write("c.yaml", "vms: [{}]\n");
            new CampaignReader(new(folder.FullPath, folder.FullPath), _ => 1).Read(file, [Override.Parse($"{key.Path}={key.Default}")]);
        });
    }

    private static string Row(KeyDocumentation key) => $"| `{key.Path}` | {key.Default} | {key.Unit} | {key.Allowed} | {key.Summary} |";
}
