using System.Security.Cryptography;
using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Grains.Hosting;
using Livebed.Grains.Security;

namespace Livebed.Driver.Clusters;

/// <summary>
/// The folder of a cluster on this machine: its settings, which drivers read, the processes that belong to it, and their logs. Only the
/// user may read it.
/// </summary>
internal sealed class LocalClusterFolder(string path)
{
    /// <summary>In the current folder, unless an option names another.</summary>
    public const string UsualName = ".livebed";

    /// <summary>The settings that silos and drivers share.</summary>
    public const string SettingsFile = "settings.json";

    private const string StateFile = "cluster.json";
    private const string SecretFile = "secret";
    private const UnixFileMode OwnFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public string FullPath { get; } = path;
    public string Settings => PathOf(SettingsFile);

    public string PathOf(string file) => Path.Combine(FullPath, file);

    /// <summary>Null where no cluster is.</summary>
    /// <exception cref="UsageException">The file is none of a cluster.</exception>
    public LocalCluster? Read()
    {
        var file = PathOf(StateFile);
        if (!File.Exists(file)) return null;
        try
        {
            return JsonSerializer.Deserialize<LocalCluster>(File.ReadAllText(file), _json);
        }
        catch (Exception failure) when (failure is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{file}: is no cluster's file ({failure.Message}); allowed: one that `livebed cluster up` wrote");
        }
    }

    /// <exception cref="UsageException">The folder cannot be written.</exception>
    public void Make()
    {
        try
        {
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(FullPath);
            else Directory.CreateDirectory(FullPath, OwnFolder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UsageException($"--dir {FullPath}: cannot be made ({failure.Message}); allowed: a folder that can be written to");
        }
    }

    public void Write(LocalCluster cluster) => WriteOwn(StateFile, JsonSerializer.Serialize(cluster, _json));

    /// <summary>With a secret that no other cluster has.</summary>
    public void WriteSettings(string redis, string clusterId, ClusterCertificates? certificates)
    {
        WriteOwn(SecretFile, ClusterSecret.Random().Text);
        var settings = new Dictionary<string, string>
        {
            [SiloArguments.Redis[2..]] = redis,
            [SiloArguments.ClusterId[2..]] = clusterId,
            [SiloArguments.SecretFile[2..]] = PathOf(SecretFile),
        };
        foreach (var (key, file) in FilesOf(certificates)) settings[key] = file;
        WriteOwn(SettingsFile, JsonSerializer.Serialize(settings, _json));
    }

    /// <summary>Whether the cluster's silos have these files.</summary>
    public bool HasSettings(ClusterCertificates certificates)
    {
        using var settings = JsonDocument.Parse(File.ReadAllText(Settings));
        return FilesOf(certificates).All(
            entry => settings.RootElement.TryGetProperty(entry.Key, out var file) && file.GetString() == entry.Value);
    }

    private static IEnumerable<(string Key, string Value)> FilesOf(ClusterCertificates? certificates) =>
        ClusterCertificates.Options.Zip(certificates?.Files ?? [], (option, file) => (option[2..], file));

    /// <summary>A text that only the user may read, from the moment when the file is made.</summary>
    public void WriteOwn(string file, string text)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnFile;
        using var writer = new StreamWriter(PathOf(file), options);
        writer.Write(text);
    }

    /// <summary>The cluster is gone; the logs stay.</summary>
    public void Forget()
    {
        foreach (var file in new[] { StateFile, SettingsFile, SecretFile, RedisServer.ConfigFile }) File.Delete(PathOf(file));
    }

    /// <summary>For a password that no other program knows.</summary>
    public static string RandomText() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
}

/// <summary>The processes of a cluster on this machine.</summary>
/// <param name="ClusterId">its id</param>
/// <param name="RedisAddress">as a setting, with the password</param>
/// <param name="Redis">the server that was started for it; null where the user has one</param>
/// <param name="Silos">in the order of their names</param>
internal sealed record LocalCluster(string ClusterId, string RedisAddress, LocalProcess? Redis, IReadOnlyList<LocalProcess> Silos);
