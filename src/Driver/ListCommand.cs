using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;
using Spectre.Console;

namespace Livebed.Driver;

/// <summary>`livebed list`: what can be chosen, with a line each.</summary>
internal sealed class ListCommand(CommandEnvironment environment)
{
    private static readonly (string What, string Summary, Func<CommandEnvironment, IEnumerable<(string, string)>> Lines)[] _lists =
    [
        ("protocols", "what `--protocol` takes", _ => ProtocolCatalog.All.Select(entry => (entry.Name, entry.Summary))),
        ("mutants", "defects that `--mutant` switches on, each with the checks that catch it and the campaign to run it in",
            _ => Mutant.All.Select(entry =>
                (entry.Name, $"{entry.Story} [{entry.Bug}; caught by {string.Join(", ", entry.CaughtBy)} in "
                    + $"{entry.Campaign ?? entry.Scenario}]"))),
        ("checks", "the invariants that are checked", _ => InvariantCatalog.All.Select(entry => (entry.Key, entry.Value))),
        ("reached", "the cases that matter, in which two operations meet; `explore`, `run` and `mutants` count them",
            _ => ReachedCase.All.Select(one => (one.Name, one.IsOfScene ? $"{one.Sentence} [explorer only]" : one.Sentence))),
        ("scenarios", "what `explore` takes, each with what must hold in every interleaving",
            _ => ScenarioCatalog.All.Select(scenario => (scenario.Name, scenario.Claim))),
        ("prices", "what `price` takes, each with the claim that it was made for",
            _ => PricedScenarios.All.Select(scenario => (scenario.Name, scenario.Claim))),
        ("campaigns", "what `run` takes", Campaigns),
    ];

    public static IReadOnlyList<string> Kinds { get; } = [.. _lists.Select(list => list.What)];

    /// <summary>Null lists what can be listed.</summary>
    public int Run(string? what)
    {
        if (what is null)
        {
            Write(_lists.Select(list => (list.What, list.Summary)));
            return ExitCodes.Valid;
        }

        var lines = _lists.FirstOrDefault(list => list.What == what).Lines
            ?? throw new UsageException($"list {what}: there is no such list; allowed: {string.Join(", ", Kinds)}");
        Write(lines(environment));
        return ExitCodes.Valid;
    }

    private static IEnumerable<(string, string)> Campaigns(CommandEnvironment environment)
    {
        var reader = new CampaignReader(environment.Folders, environment.Traces);
        return environment.Folders.Names.Select(name => reader.Describe(environment.Folders.FindCampaign(name)!));
    }

    private void Write(IEnumerable<(string Name, string Summary)> list)
    {
        var lines = list.ToList();
        if (!environment.IsTerminal)
        {
            // A line stays a line, for grep.
            var width = lines.Max(line => line.Name.Length);
            foreach (var (name, summary) in lines) environment.Out.WriteLine($"{name.PadRight(width)}  {summary}");
            return;
        }

        var grid = new Grid { Expand = false };
        grid.AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(0, 0, 2, 0) });
        grid.AddColumn(new GridColumn { Padding = new Padding(0, 0, 0, 0) });
        foreach (var (name, summary) in lines) grid.AddRow(new Text(name), new Text(summary));
        environment.CreateConsole().Write(grid);
    }
}
