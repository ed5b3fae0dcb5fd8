using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Explorer.Replays;

namespace Livebed.Driver.Exploring;

/// <summary>The options of `replay`.</summary>
internal sealed class ReplayOptions
{
    private readonly Argument<string> _file = new("file") { Description = "a replay file, as `explore` writes it" };
    private readonly Option<string?> _from = Text("--from", "N", "show steps from this one on [1]");
    private readonly Option<string?> _until = Text(
        "--until", "N", "stop after this step and show where every lane stands [play to the end]");
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/explorer.md)" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public ReplayOptions() =>
        Command = new Command("replay", "Plays a found schedule again, exactly, and shows it step by step.")
        {
            _file,
            _from,
            _until,
            _json,
            _verbose,
        };

    public Command Command { get; }

    public string FileOf(ParseResult parsed) => parsed.GetValue(_file)!;

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public ReplayRequest Read(ParseResult parsed)
    {
        var (from, until) = (Step(parsed, _from), Step(parsed, _until));
        if (from > until) throw new UsageException($"--from {from}: is after --until {until}; allowed: 1 to {until}");
        return new ReplayRequest(parsed.GetValue(_file)!, from ?? 1, until, parsed.GetValue(_json));
    }

    private static long? Step(ParseResult parsed, Option<string?> option)
    {
        if (parsed.GetValue(option) is not { } text) return null;
        var kind = ValueKinds.Long("step", 1, 1_000_000_000);
        return kind.Parse(text, out var value) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : value;
    }

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };
}

/// <summary>What `replay` was asked for: a file, the first step to show, and the step after which to stop (null: the end).</summary>
internal sealed record ReplayRequest(string File, long From, long? Until, bool Json);

/// <summary>A replay file as a command gets it: read, and with everything that it names looked up.</summary>
internal static class ReplaySource
{
    /// <summary>The assembly of a foreign protocol that a file names; null for none, and where the file cannot be read.</summary>
    public static string? AssemblyOf(string currentFolder, string file)
    {
        try
        {
            var path = Path.GetFullPath(file, currentFolder);
            return ReplayFile.Read(path).ProtocolAssembly;
        }
        catch (ReplayException)
        {
            return null;
        }
    }

    /// <param name="currentFolder">what a relative path is relative to, the file's and that of the assembly in it</param>
    /// <param name="file">as it was typed</param>
    /// <exception cref="UsageException">The file is not there, no replay, or names what there is not.</exception>
    public static (Replay Replay, ReplayPlayer Player) Read(string currentFolder, string file)
    {
        var path = Path.GetFullPath(file, currentFolder);
        try
        {
            var replay = ReplayFile.Read(path);
            return (
                replay,
                ReplayPlayer.Of(
                    replay, (name, assembly) => ProtocolFinder.FindProtocol(name, assembly, currentFolder, $"{file}: protocol")));
        }
        catch (ReplayException exception)
        {
            throw new UsageException(
                exception.Message.StartsWith(path, StringComparison.Ordinal)
                    ? file + exception.Message[path.Length..]
                    : $"{file}: {exception.Message}");
        }
    }
}
