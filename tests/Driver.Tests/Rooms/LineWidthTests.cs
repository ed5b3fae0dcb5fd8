namespace Livebed.Driver.Tests.Rooms;

/// <summary>No line of the source is wider than the editor's limit. The build's own rule passes over comments.</summary>
public sealed class LineWidthTests
{
    private const int Columns = 140;

    [Fact]
    public void No_line_is_wider_than_the_limit()
    {
        Assert.Contains($"max_line_length = {Columns}\n", Repository.File(".editorconfig"), StringComparison.Ordinal);
        var wide =
            from folder in (string[])["src", "tests"]
            from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
            let path = Path.GetRelativePath(Repository.Root, file)
            where !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")
            from line in File.ReadLines(file).Index()
            where line.Item.Length > Columns
            select $"{path}:{line.Index + 1}: {line.Item.Length} columns";
        Assert.Empty(wide);
    }
}
