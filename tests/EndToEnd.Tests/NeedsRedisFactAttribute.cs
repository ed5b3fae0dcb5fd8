namespace Livebed.EndToEnd.Tests;

/// <summary>A test that needs redis-server. Without it the test is left out on a developer's machine, and fails where CI is set: there it
/// has to be.</summary>
public sealed class NeedsRedisFactAttribute : FactAttribute
{
    public NeedsRedisFactAttribute()
    {
        if (!OperatingSystem.IsLinux()) Skip = "needs Linux";
        else if (!IsInstalled && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI")))
            Skip = "needs redis-server (apt-get install redis-server)";
    }

    private static bool IsInstalled => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, "redis-server")));
}
