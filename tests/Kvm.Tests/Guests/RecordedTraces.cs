namespace Livebed.Kvm.Tests.Guests;

/// <summary>Where the recorded workloads of the repository are.</summary>
internal static class RecordedTraces
{
    public static string Redis => PathOf("redis");
    public static string Sqlite => PathOf("sqlite");

    public static string PathOf(string name) => Repository.PathOf("campaigns", "workloads", name + ".dirty.gz");
}
