using System.Text.Json;

namespace Livebed.Driver.Tests.Docs;

/// <summary>docs/explorer.md has every field that the explorer prints as JSON, and shows the witness that it really prints.</summary>
public sealed class ExplorerDocumentTests
{
    private const string Document = "docs/explorer.md";
    private static readonly string[] _found = ["explore", "fault-vs-invalidate", "--mutant", "no-retry-check", "--seed", "1"];

    [Fact]
    public async Task Every_field_of_the_json_is_documented()
    {
        var documented = Documents.InlineCode(Document).ToHashSet(StringComparer.Ordinal);
        using var harness = new CommandHarness();
        await harness.RunAsync([.. _found, "--json", "--replay-file", "r.json"]);
        Assert.Equal([], Undocumented(harness.Out, documented));
        var before = harness.Out.Length;
        await harness.RunAsync("replay", "r.json", "--json", "--until", "10");
        Assert.Equal([], Undocumented(harness.Out[before..], documented));
    }

    [Fact]
    public async Task The_witness_of_the_document_is_what_is_printed()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync(_found);
        var shown = Documents.Blocks(Document, "text").Single(block => block.Contains("VIOLATES", StringComparison.Ordinal)).Split('\n');
        var printed = harness.Out.Split('\n').ToHashSet(StringComparer.Ordinal);
        Assert.Equal([], shown.Where(line => !line.Contains('…') && !printed.Contains(line)));
    }

    private static IEnumerable<string> Undocumented(string json, HashSet<string> documented)
    {
        using var document = JsonDocument.Parse(json);
        return [.. Paths(document.RootElement, "").Where(path => !documented.Contains(path)).Distinct()];
    }

    /// <summary>Violations, entries, lanes and parameters have names of their own in the document.</summary>
    private static IEnumerable<string> Paths(JsonElement element, string path)
    {
        var name = path[(path.LastIndexOf('.') + 1)..];
        if (name is "violations[]" or "witness[]" or "lanes[]") path = "";
        switch (element.ValueKind)
        {
            case JsonValueKind.Object when name != "parameters":
                return element.EnumerateObject()
                    .SelectMany(property => Paths(property.Value, path.Length == 0 ? property.Name : $"{path}.{property.Name}"));
            case JsonValueKind.Array when name is not ("holds" or "operations" or "without"):
                return element.EnumerateArray().SelectMany(item => Paths(item, path + "[]"));
            default:
                return [path];
        }
    }
}
