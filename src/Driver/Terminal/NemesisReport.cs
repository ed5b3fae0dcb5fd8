using Livebed.Driver.Results;
using Spectre.Console;

namespace Livebed.Driver.Terminal;

/// <summary>The faults that were made on purpose, a row each, with what they cost.</summary>
internal static class NemesisReport
{
    private const int RowsMax = 40;

    public static void Write(IAnsiConsole console, IReadOnlyList<NemesisResult> faults)
    {
        if (faults.Count == 0) return;
        var table = Tables.Create("fault", "struck", "at", "for", "VMs lost", "ended");
        foreach (var fault in faults.Take(RowsMax))
        {
            table.Row([
                fault.Fault, fault.Target, Figures.Microseconds(fault.BeganMicroseconds),
                Figures.Microseconds(fault.EndedMicroseconds - fault.BeganMicroseconds), Figures.Count(fault.Lost.Count),
                fault.Problem is null ? "healed" : "see above",
            ]);
        }

        if (faults.Count > RowsMax) table.Ellipsis();
        console.Write(table);
    }
}
