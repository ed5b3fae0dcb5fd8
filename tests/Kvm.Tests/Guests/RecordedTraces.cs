namespace Livebed.Kvm.Tests.Guests;

/// <summary>Where the recorded workloads of the repository are.</summary>
internal static class RecordedTraces
{
    public static string Redis => PathOf("redis");
    public static string Sqlite => PathOf("sqlite");

    public static string PathOf(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Cluster.sln"))) folder = folder.Parent;
        Assert.NotNull(folder);
        return Path.Combine(folder.FullName, "campaigns", "workloads", name + ".dirty.gz");
    }
}
