namespace Livebed.Driver.CommandLine;

/// <summary>Spells the command that repeats a run, as a shell takes it: the program as the user called it, the arguments as they were, and
/// the seed if none was given.</summary>
internal static class CommandText
{
    /// <summary>The script `livebed` at the root says here how it was called.</summary>
    public const string ProgramVariable = "LIVEBED_COMMAND";

    private const string FromSource = "dotnet run -c Release --project src/Driver --";

    /// <summary>Lies beside the assembly of a .NET tool, where the SDK puts it, and nowhere else.</summary>
    private const string ToolMark = "DotnetToolSettings.xml";

    /// <summary>What the user typed before the arguments.</summary>
    public static string Livebed { get; } = ProgramOf(
        Environment.GetEnvironmentVariable(ProgramVariable), File.Exists(Path.Combine(AppContext.BaseDirectory, ToolMark)));

    /// <param name="called">how the script was called; null or empty where it was not</param>
    /// <param name="isTool">the command is installed as a .NET tool</param>
    internal static string ProgramOf(string? called, bool isTool) =>
        !string.IsNullOrEmpty(called) ? Quote(called) : isTool ? "livebed" : FromSource;

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
