using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Livebed.Kvm.World;

/// <summary>
/// Which model this is: the version and commit of the build, and a hash of the model's sources. Results, histories and replays say it, so
/// that figures of different models are told apart.
/// </summary>
public static class ModelIdentity
{
    /// <summary>What a build outside of a repository has for its commit.</summary>
    public const string NoCommit = "unknown";

    private const int HashCharacters = 16;

    private static readonly string[] _build = (typeof(ModelIdentity).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "").Split('+');

    public static string Version => _build[0];

    /// <summary>40 hexadecimal digits.</summary>
    public static string Commit => _build.Length > 1 ? _build[1] : NoCommit;

    /// <summary>16 hexadecimal digits; sources that differ in anything have another.</summary>
    public static string Model { get; } = HashOf(typeof(ModelIdentity).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(entry => entry.Key == "ModelSources").Value!);

    /// <summary>All of it, in one line.</summary>
    public static string Line => $"livebed {Version}, commit {Commit}, model {Model}";

    /// <param name="sources">path and hash of each file; the build lists them in any order</param>
    private static string HashOf(string sources)
    {
        var sorted = string.Join('\n', sources.Split('|').Order(StringComparer.Ordinal));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sorted)))[..HashCharacters];
    }
}
