using System.CommandLine;
using System.Globalization;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Analyzing;

/// <summary>The arguments of `analyze`; each is checked here, before anything is read.</summary>
internal sealed class AnalyzeOptions
{
    private const int UsualTop = 10;
    private const int UsualTraces = 1_500;

    private readonly Argument<string> _source = new("source")
    {
        Description = "the folder of a run, a file of OTLP JSON lines, or the URL of Jaeger's query service",
    };

    private readonly Option<string?> _top = Text("--top", "N", $"rows of each list [{UsualTop}]");
    private readonly Option<string?> _slowest = Text("--slowest", "N", "slow operations that get their critical path [3]");
    private readonly Option<string?> _traces = Text("--traces", "N", $"of a query service: traces of each service at most [{UsualTraces}]");
    private readonly Option<string?> _lookback = Text("--lookback", "1h", "of a query service: traces that are no older [1h]");
    private readonly Option<string[]> _failIf = new("--fail-if")
    {
        HelpName = "CONDITION",
        Description = "exit with 3 if it holds, as in \"locks.mmu_lock.waitMax > 5000\" (docs/telemetry.md)",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/telemetry.md)" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public AnalyzeOptions()
    {
        Command = new Command("analyze", "Says which lock hurt whom, and what made faults retry, from the traces of a run.") { _source };
        foreach (var option in new Option[] { _top, _slowest, _failIf, _traces, _lookback, _json, _verbose }) Command.Add(option);
    }

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public AnalyzeRequest Read(ParseResult parsed) => new(
        parsed.GetRequiredValue(_source), Number(parsed, _top, 1, 10_000) ?? UsualTop, Number(parsed, _slowest, 0, 1_000) ?? 3,
        Number(parsed, _traces, 1, 1_000_000) ?? UsualTraces, LookbackOf(parsed),
        [.. (parsed.GetValue(_failIf) ?? []).Select(Threshold.Parse)], parsed.GetValue(_json));

    private TimeSpan LookbackOf(ParseResult parsed)
    {
        if (parsed.GetValue(_lookback) is not { } text) return TimeSpan.FromHours(1);
        var kind = ValueKinds.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(30));
        return kind.Parse(text, out var time) is { } problem
            ? throw new UsageException($"{_lookback.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : time;
    }

    private static int? Number(ParseResult parsed, Option<string?> option, int least, int most)
    {
        if (parsed.GetValue(option) is not { } text) return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new UsageException($"{option.Name} {text}: is no such number; allowed: {least} to {most}");
    }

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };
}

/// <summary>What `analyze` was asked for.</summary>
/// <param name="Source">a folder, a file or a URL, as it was typed</param>
/// <param name="Top">rows of each list</param>
/// <param name="Slowest">operations that get a critical path</param>
/// <param name="Traces">of a query service: traces of each service at most</param>
/// <param name="Lookback">of a query service: how far back</param>
/// <param name="FailIf">conditions that make the exit status 3</param>
/// <param name="Json">print JSON</param>
internal sealed record AnalyzeRequest(
    string Source, int Top, int Slowest, int Traces, TimeSpan Lookback, IReadOnlyList<Threshold> FailIf, bool Json);
