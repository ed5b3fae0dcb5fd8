using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Comparing;

/// <summary>The options of `compare`: stored runs, or a campaign and what is varied in it.</summary>
internal sealed class CompareOptions
{
    private const int RepeatUsual = GroupFigure.RunsNeeded;
    private const string ProtocolKey = "protocol";

    private readonly Argument<string[]> _what = new("runs")
    {
        Description = "folders of runs, or folders with such; or with --protocols or --vary a campaign [default]",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string?> _protocols = Text("--protocols", "a,b,c", "run the campaign under each of these protocols");
    private readonly Option<string?> _vary = Text("--vary", "key=a,b,c", "run the campaign with each of these values of a key");
    private readonly Option<string?> _repeat = Text("--repeat", "N", $"runs of each, by turns [{RepeatUsual}]");
    private readonly Option<string?> _duration = Text("--duration", "30s", "of each run");
    private readonly Option<string?> _seed = Text("--seed", "S", "of the first run of each; the next ones have the next seeds [1]");

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "set any key of the campaign, as in --set vms.0.vcpus=4",
        HelpName = "key=value",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> _across = Text(
        "--across", "KEYS", $"keys in which stored campaigns may differ, or {CampaignDifference.Any} [{ProtocolKey}]");

    private readonly Option<string?> _out = Text("--out", "DIR", "where the folder of the comparison is made [runs]");
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/compare.md)" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public CompareOptions()
    {
        Command = new Command("compare", "Holds runs beside each other: what differs beyond noise, and what each broke.") { _what };
        foreach (var option in new Option[] { _protocols, _vary, _repeat, _duration, _seed, _set, _across, _out, _json, _quiet, _verbose })
            Command.Add(option);
    }

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public CompareRequest Read(ParseResult parsed, string currentFolder)
    {
        var what = parsed.GetValue(_what) ?? [];
        var varied = Varied(parsed);
        return new CompareRequest(
            varied is null ? Runs(parsed, what) : [], varied is null ? null : Campaign(what), varied,
            Value(parsed, _repeat, ValueKinds.Integer("runs", 1, RunGroup.RunsMax)) ?? RepeatUsual,
            Value(parsed, _seed, ValueKinds.Long("seed", 0, Campaigns.Campaign.SeedMax - RunGroup.RunsMax)) ?? 1,
            [.. Overrides(parsed)], Across(parsed, varied), Path.GetFullPath(parsed.GetValue(_out) ?? "runs", currentFolder),
            parsed.GetValue(_json), parsed.GetValue(_quiet));
    }

    private string[] Runs(ParseResult parsed, string[] what)
    {
        foreach (var option in new Option[] { _repeat, _duration, _seed, _set })
            if (parsed.GetResult(option) is not null)
                throw new UsageException($"{option.Name}: means nothing for stored runs; allowed: with --protocols or --vary");
        return what.Length is >= 2 and <= Comparison.GroupsMax
            ? what
            : throw new UsageException(
                $"compare: {what.Length} runs are given; allowed: 2 to {Comparison.GroupsMax} folders of runs, or --protocols or --vary");
    }

    private static string Campaign(string[] what) => what.Length switch
    {
        0 => "default",
        1 => what[0],
        _ => throw new UsageException($"compare: {what.Length} campaigns are given; allowed: one, with --protocols or --vary"),
    };

    private VariedKey? Varied(ParseResult parsed)
    {
        var (protocols, vary) = (parsed.GetValue(_protocols), parsed.GetValue(_vary));
        if (protocols is not null && vary is not null)
            throw new UsageException($"--vary {vary}: something is varied already; allowed: --protocols or --vary");
        if (protocols is not null) return new VariedKey("--protocols", ProtocolKey, List("--protocols", protocols, protocols));
        if (vary is null) return null;
        var one = Override.Parse(vary);
        return new VariedKey("--vary", one.Path, List("--vary", vary, one.Value));
    }

    private static string[] List(string option, string given, string text)
    {
        var values = text.Split(',', StringSplitOptions.TrimEntries);
        return values.Length is >= 2 and <= Comparison.GroupsMax && values.All(value => value.Length > 0)
            && values.Distinct(StringComparer.Ordinal).Count() == values.Length
                ? values
                : throw new UsageException(
                    $"{option} {given}: is no list to compare; allowed: 2 to {Comparison.GroupsMax} different values with commas between");
    }

    private IEnumerable<Override> Overrides(ParseResult parsed)
    {
        if (parsed.GetValue(_duration) is { } duration) yield return new($"--duration {duration}", "duration", duration);
        foreach (var set in parsed.GetValue(_set) ?? []) yield return Override.Parse(set);
    }

    private string[] Across(ParseResult parsed, VariedKey? varied)
    {
        if (parsed.GetValue(_across) is not { } text) return [varied?.Key ?? ProtocolKey];
        if (varied is not null)
            throw new UsageException($"--across {text}: means nothing here; allowed: for stored runs");
        var keys = text.Split(',', StringSplitOptions.TrimEntries);
        return keys.All(key => key.Length > 0)
            ? keys
            : throw new UsageException($"--across '{text}': a key has no name; allowed: keys of a campaign with commas between");
    }

    private static T? Value<T>(ParseResult parsed, Option<string?> option, ValueKind<T> kind) where T : struct
    {
        if (parsed.GetValue(option) is not { } text) return null;
        return kind.Parse(text, out var value) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : value;
    }

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };
}

/// <summary>What `compare` was asked for.</summary>
/// <param name="Runs">folders, as they were typed; empty where a campaign is run</param>
/// <param name="Campaign">that is run; null for stored runs</param>
/// <param name="Varied">what is varied in it; null for stored runs</param>
/// <param name="Repeat">runs of each group</param>
/// <param name="Seed">of the first run of each</param>
/// <param name="Overrides">of the campaign's keys</param>
/// <param name="Across">keys in which campaigns may differ</param>
/// <param name="OutputFolder">where the comparison's folder is made</param>
/// <param name="Json">print JSON and nothing else</param>
/// <param name="Quiet">print no progress</param>
internal sealed record CompareRequest(
    IReadOnlyList<string> Runs, string? Campaign, VariedKey? Varied, int Repeat, long Seed, IReadOnlyList<Override> Overrides,
    IReadOnlyList<string> Across, string OutputFolder, bool Json, bool Quiet);

/// <summary>A key with the values that are compared.</summary>
internal sealed record VariedKey(string Option, string Key, IReadOnlyList<string> Values)
{
    /// <summary>What is wrong with one of the values is told of this.</summary>
    public string OptionOf(string value) => Option == "--vary" ? $"{Option} {Key}={value}" : $"{Option} {value}";
}
