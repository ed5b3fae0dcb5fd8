using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Shrinking;

/// <summary>The options of `shrink`.</summary>
internal sealed class ShrinkCommandOptions
{
    private static readonly TimeSpan _usualBudget = TimeSpan.FromSeconds(30);

    private readonly Argument<string> _file = new("file") { Description = "a replay file, as `explore` writes it" };
    private readonly Option<string?> _out = new("--out")
    {
        HelpName = "FILE",
        Description = "where the smaller replay goes [beside the file, *.min.replay.json]",
    };
    private readonly Option<string?> _budget = new("--budget") { HelpName = "30s", Description = "at most so long [30s]" };
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public ShrinkCommandOptions() =>
        Command = new Command("shrink", "Makes a found schedule as small as it gets: fewer actors, operations, switches, steps.")
        {
            _file,
            _out,
            _budget,
            _json,
            _verbose,
        };

    public Command Command { get; }

    public string FileOf(ParseResult parsed) => parsed.GetValue(_file)!;

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public ShrinkRequest Read(ParseResult parsed)
    {
        var budget = _usualBudget;
        var kind = ValueKinds.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1));
        if (parsed.GetValue(_budget) is { } text && kind.Parse(text, out budget) is { } problem)
            throw new UsageException($"--budget {text}: {problem}; allowed: {kind.Allowed}");
        return new ShrinkRequest(parsed.GetValue(_file)!, parsed.GetValue(_out), budget, parsed.GetValue(_json));
    }
}

/// <summary>What `shrink` was asked for: a file, where the smaller one goes (null: beside it), and for how long.</summary>
internal sealed record ShrinkRequest(string File, string? Out, TimeSpan Budget, bool Json);
