namespace Livebed.Driver.CommandLine;

/// <summary>Spells the command that repeats a run, as a shell takes it: the arguments as they were, and the seed if none was
/// given.</summary>
internal static class CommandText
{
    public const string Livebed = "dotnet run -c Release --project src/Driver --";

    /// <summary>The arguments are those of the command without the program; the seed is appended unless it was given.</summary>
    public static string Repeat(IReadOnlyList<string> arguments, long seed, bool seedGiven)
    {
        IEnumerable<string> words = arguments.Count == 0 ? ["run"] : arguments;
        if (!seedGiven) words = [.. words, "--seed", FormattableString.Invariant($"{seed}")];
        return $"{Livebed} {Words(words)}";
    }

    /// <summary>Words as a shell takes them.</summary>
    public static string Words(IEnumerable<string> words) => string.Join(' ', words.Select(Quote));

    /// <summary>POSIX quoting, where it is needed.</summary>
    private static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./=:,@%+".Contains(c, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
