using System.Security.Cryptography;
using System.Text;

namespace Livebed.Grains.Security;

/// <summary>
/// What all silos and drivers of a cluster know and no other program does. It is never sent and never stands on a command line; peers prove
/// that they know it (<see cref="PeerHandshake"/>).
/// </summary>
public sealed class ClusterSecret : IEquatable<ClusterSecret>
{
    public const int CharactersMin = 16;
    public const int CharactersMax = 1024;

    /// <summary>The option that names a file with it, and the variable that has it.</summary>
    public const string Option = "--secret-file";

    public const string Variable = "LIVEBED_SECRET";

    private const int BytesMax = 8 * CharactersMax;

    /// <summary>What a user gives.</summary>
    public static readonly string Form = FormattableString.Invariant(
        $"{CharactersMin} to {CharactersMax} characters, blanks at the ends apart");

    private readonly byte[] _key;

    private ClusterSecret(string text) => (Text, _key) = (text, SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>For the environment of a process of the cluster, and a file that only the user may read.</summary>
    public string Text { get; }

    /// <summary>One that no other cluster has.</summary>
    public static ClusterSecret Random() => new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));

    /// <summary>Null when it is too short or too long to be one.</summary>
    public static ClusterSecret? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var trimmed = text.Trim();
        return trimmed.Length is >= CharactersMin and <= CharactersMax ? new ClusterSecret(trimmed) : null;
    }

    /// <summary>The secret of the environment or, before it, of a file.</summary>
    /// <param name="text">the variable's value; null for none</param>
    /// <param name="file">null for none</param>
    /// <returns>the secret, or what is wrong in one line, or neither</returns>
    public static (ClusterSecret? Secret, string? Problem) Find(string? text, string? file)
    {
        if (file is null)
        {
            if (text is null) return (null, null);
            return TryParse(text) is { } own ? (own, null) : (null, $"{Variable}: is no secret; allowed: {Form}");
        }

        try
        {
            if (new FileInfo(file) is { Exists: true, Length: > BytesMax }) return (null, $"{Option} {file}: is too long; allowed: {Form}");
            return TryParse(File.ReadAllText(file)) is { } secret
                ? (secret, null)
                : (null, $"{Option} {file}: is no secret; allowed: {Form}");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return (null, $"{Option} {file}: cannot be read ({failure.Message}); allowed: a file with the secret");
        }
    }

    /// <summary>Proof of knowledge over what both sides drew for this one connection.</summary>
    internal byte[] Prove(ReadOnlySpan<byte> label, ReadOnlySpan<byte> nonces)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
        hmac.AppendData(label);
        hmac.AppendData(nonces);
        return hmac.GetHashAndReset();
    }

    public bool Equals(ClusterSecret? other) => other is not null && CryptographicOperations.FixedTimeEquals(_key, other._key);

    public override bool Equals(object? obj) => Equals(obj as ClusterSecret);

    public override int GetHashCode() => HashCode.Combine(_key[0], _key[1]);

    /// <summary>Nothing that is in a log or a message.</summary>
    public override string ToString() => "a secret";
}
