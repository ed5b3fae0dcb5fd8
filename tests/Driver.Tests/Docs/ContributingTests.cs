using System.Text.RegularExpressions;

namespace Livebed.Driver.Tests.Docs;

/// <summary>CONTRIBUTING.md says of each example which source files name it: those, and no others.</summary>
public sealed class ContributingTests
{
    private const string Document = "CONTRIBUTING.md";

    public static TheoryData<string, string> Examples
    {
        get
        {
            var examples = new TheoryData<string, string>();
            var rows = Repository.File(Document).Split('\n')
                .Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Trim('|', ' ').Split(" | "));
            foreach (var row in rows) examples.Add(row[0].Trim('`'), row[1].Replace("`", "", StringComparison.Ordinal));
            return examples;
        }
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void An_example_is_named_in_the_files_of_its_row_and_in_no_others(string name, string files)
    {
        var source = Path.Combine(Repository.Root, "src");
        var naming = Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal))
            .Where(file => Regex.IsMatch(Repository.File(file), $@"\b{name}\b"));
        Assert.Equal(files.Split(", "), naming.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Each_thing_that_can_be_added_has_an_example()
    {
        var sections = Repository.File(Document).Split("\n### ").Skip(1).ToList();
        Assert.Equal(6, sections.Count);
        Assert.All(sections, section => Assert.Contains("\n| `", section, StringComparison.Ordinal));
    }
}
