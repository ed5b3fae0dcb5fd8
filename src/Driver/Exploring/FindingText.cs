using Livebed.Kvm.Checks;
using Spectre.Console;

namespace Livebed.Driver.Exploring;

/// <summary>Words that `explore` and `replay` share: what was violated, and lines that can be copied.</summary>
internal static class FindingText
{
    public static void WriteVerdict(this IAnsiConsole console, ExploreVerdict verdict, string? why)
    {
        var colour = verdict switch { ExploreVerdict.Valid => Color.Green, ExploreVerdict.Expected => Color.Blue, ExploreVerdict.Unknown => Color.Yellow, _ => Color.Red };
        console.Write(new Text($"verdict: {verdict.ToString().ToLowerInvariant()}", new Style(colour, decoration: Decoration.Bold)));
        console.WriteLine();
        if (why is not null) console.Indented(why, 2);
    }

    /// <summary>Each violation, the invariant in full, and for a hang who waits for whom.</summary>
    public static void WriteViolations(this IAnsiConsole console, IReadOnlyList<Violation> violations)
    {
        foreach (var violation in violations)
        {
            console.Indented($"violates {violation.Invariant}: {violation.Message}", 0);
            console.Indented($"{violation.Invariant} says: {InvariantCatalog.All.GetValueOrDefault(violation.Invariant, "")}", 4);
            foreach (var line in violation.Witness ?? []) console.Indented(line, 4);
        }
    }

    public static void Indented(this IAnsiConsole console, string text, int columns) => console.Write(new Padder(new Text(text), new Padding(columns, 0, 0, 0)));

    /// <summary>Past the line breaking of the console, so that a copied line is whole.</summary>
    public static void Copyable(this IAnsiConsole console, string text) => console.Profile.Out.Writer.WriteLine(text);
}
