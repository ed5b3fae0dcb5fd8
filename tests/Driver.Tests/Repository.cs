namespace Livebed.Driver.Tests;

/// <summary>Where the sources of this build lie, for the tests that hold documents and campaigns to the code.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string File(string path) => System.IO.File.ReadAllText(Path.Combine(Root, path));

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (!System.IO.File.Exists(Path.Combine(folder, "Cluster.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("these tests run inside the repository");
        return folder;
    }
}
