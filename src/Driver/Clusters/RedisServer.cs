using System.Diagnostics;
using System.Globalization;
using Livebed.Driver.Errors;
using Livebed.Grains.Hosting;

namespace Livebed.Driver.Clusters;

/// <summary>A Redis of this machine for one cluster: on loopback, with a password that is in no command line, keeping nothing on
/// disk.</summary>
internal static class RedisServer
{
    public const string ConfigFile = "redis.conf";

    private const string Program = "redis-server";
    private static readonly TimeSpan StartMax = TimeSpan.FromSeconds(10);

    /// <returns>the process, and its address as a setting</returns>
    /// <exception cref="UsageException">The program is not installed.</exception>
    /// <exception cref="BedException">It does not start.</exception>
    public static async Task<(LocalProcess Process, string Address)> StartAsync(LocalClusterFolder folder)
    {
        var program = Find() ?? throw new UsageException(
            $"{Program} is not installed; allowed: install it (apt-get install redis-server), "
                + $"or {SiloArguments.Redis} HOST:PORT of one that runs");
        var port = SiloPorts.FindFree(1)[0].Silo;
        var password = LocalClusterFolder.RandomText();
        folder.WriteOwn(ConfigFile, string.Create(CultureInfo.InvariantCulture, $"""
            port {port}
            bind 127.0.0.1
            requirepass {password}
            save ""
            appendonly no

            """));
        var log = folder.PathOf("redis.log");
        var process = LocalProcess.Start("redis", new ProcessStartInfo(program, [folder.PathOf(ConfigFile)]), log);
        var address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port},password={password}");
        try
        {
            await RedisMembership.WaitAsync(address, StartMax);
            return (process, address);
        }
        catch (RedisMissingException failure)
        {
            await process.StopAsync(StartMax);
            throw new BedException($"{Program} did not start: {failure.Message}; {log} says why", failure);
        }
    }

    private static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, Program)).FirstOrDefault(File.Exists);
}
