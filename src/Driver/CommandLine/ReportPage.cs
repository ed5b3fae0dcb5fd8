using Livebed.Kvm.Checks;
using Livebed.Kvm.World;
using Spectre.Console;

namespace Livebed.Driver.CommandLine;

/// <summary>
/// Where `explore` and `replay` write for people, and the words that they share. On a terminal text is broken into its width; elsewhere a
/// line stays a line, for grep and for copying.
/// </summary>
internal sealed class ReportPage(CommandEnvironment environment)
{
    public IAnsiConsole Console { get; } = environment.CreateConsole();
    public bool IsTerminal => environment.IsTerminal;

    public void Line() => environment.Out.WriteLine();

    /// <summary>Never broken, so that what is copied is whole.</summary>
    public void Copyable(string text) => environment.Out.WriteLine(text);

    public void Line(string text, int indent = 0, Style? style = null)
    {
        if (!IsTerminal)
        {
            environment.Out.WriteLine(new string(' ', indent) + text);
            return;
        }

        Console.Write(new Padder(new Text(text, style), new Padding(indent, 0, 0, 0)) { Expand = false });
    }

    public void Verdict(ExploreVerdict verdict, string? why)
    {
        var colour = verdict switch
        {
            ExploreVerdict.Valid => Color.Green,
            ExploreVerdict.Expected => Color.Blue,
            ExploreVerdict.Unknown => Color.Yellow,
            _ => Color.Red,
        };
        Line($"verdict: {verdict.ToString().ToLowerInvariant()}", style: new Style(colour, decoration: Decoration.Bold));
        if (why is not null) Line(why, 2);
    }

    /// <summary>Each violation, the invariant in full, and for a hang which operation waits for which.</summary>
    public void Violations(IReadOnlyList<Violation> violations)
    {
        foreach (var violation in violations)
        {
            Line($"violates {violation.Invariant}: {violation.Message}", style: new Style(Color.Red));
            Line($"{violation.Invariant} says: {InvariantCatalog.All.GetValueOrDefault(violation.Invariant, "")}", 4);
            foreach (var line in violation.Witness ?? []) Line(line, 4);
        }
    }
}

/// <summary>What a search says; the larger, the more it weighs when several scenarios are searched.</summary>
internal enum ExploreVerdict
{
    /// <summary>No schedule that was played broke anything.</summary>
    Valid,

    /// <summary>A schedule broke what the scenario says that this protocol breaks.</summary>
    Expected,

    /// <summary>Nothing was played.</summary>
    Unknown,

    /// <summary>A schedule broke an invariant.</summary>
    Invalid,

    /// <summary>A lane threw: the model or the scenario is wrong, which says nothing about the protocol.</summary>
    Failed,
}
