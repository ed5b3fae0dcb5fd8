namespace Livebed.Driver.Tests.Docs;

/// <summary>A path that a document names is there.</summary>
public sealed class DocumentedPathsTests
{
    private static readonly string[] _folders = ["src/", "tests/", "campaigns/", "docs/"];

    public static TheoryData<string> All => [.. Documents.All];

    [Theory]
    [MemberData(nameof(All))]
    public void Every_path_in_inline_code_exists(string document)
    {
        var paths = Documents.InlineCode(document)
            .Where(code => !code.Contains(' ') && Array.Exists(_folders, folder => code.StartsWith(folder, StringComparison.Ordinal)));
        Assert.Equal([], paths.Where(path => !Exists(Path.Combine(Repository.Root, path))).Distinct());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Every_link_leads_somewhere(string document)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Repository.Root, document))!;
        Assert.Equal([], Documents.Links(document).Where(target => !Exists(Path.Combine(folder, target))).Distinct());
    }

    [Fact]
    public void Each_source_folder_of_the_model_has_its_place_in_the_architecture()
    {
        var named = Documents.InlineCode("ARCHITECTURE.md").ToHashSet(StringComparer.Ordinal);
        var folders = Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src", "Kvm")).Select(folder => Path.GetFileName(folder))
            .Where(name => name is not ("bin" or "obj")).Select(name => $"src/Kvm/{name}");
        Assert.Equal([], folders.Where(folder => !named.Contains(folder)));
    }

    private static bool Exists(string path) => File.Exists(path) || Directory.Exists(path);
}
