namespace Livebed.Grains.Hosting;

/// <summary>The ids of clusters: silos and clients of one cluster share it, and it is a key in Redis.</summary>
public static class ClusterNames
{
    public const string Form = "1 to 63 letters, digits, dots and dashes";
    private const int CharactersMax = 63;

    public static bool IsValid(string name) => name is { Length: >= 1 and <= CharactersMax }
        && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-');
}
