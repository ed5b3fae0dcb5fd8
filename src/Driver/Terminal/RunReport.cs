using Livebed.Driver.Counters;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Spectre.Console;

namespace Livebed.Driver.Terminal;

/// <summary>
/// The output at the end of a run: the verdict and its reasons, each violation and hang with its witness, the main figures, and the lock
/// table with the columns of /proc/lock_stat. Last come the run folder, the report for a browser and the command that repeats the run, each
/// on a line that can be copied.
/// </summary>
internal sealed class RunReport(IAnsiConsole console, RunResults results)
{
    /// <summary>Findings of one kind that are printed; results.json has all.</summary>
    private const int FindingsMax = 5;

    /// <summary>Lines of one witness that are printed.</summary>
    private const int WitnessMax = 20;

    /// <summary>From here on the lock table fits side by side.</summary>
    private const int WideColumns = 140;

    public void Write(string folder)
    {
        WriteVerdict();
        foreach (var group in FindingGroup.In(results)) WriteFindings(group);
        WriteCounts();
        MigrationReport.Write(console, results.Migrations);
        RoundReport.Write(console, results.Migrations);
        NemesisReport.Write(console, results.Nemesis);
        WriteLatency();
        WriteLoad();
        WriteLocks();
        WriteGuests();
        console.WriteLine();
        Copyable("run folder  ", folder);
        Copyable("report      ", Path.Combine(folder, RunFolder.ReportFile));
        Copyable("repeat with ", results.Command);
    }

    private void WriteVerdict()
    {
        var colour = results.Verdict switch { VerdictKind.Valid => Color.Green, VerdictKind.Invalid => Color.Red, _ => Color.Yellow };
        console.WriteLine();
        console.Write(
            new Text($"verdict: {results.Verdict.ToString().ToLowerInvariant()}", new Style(colour, decoration: Decoration.Bold)));
        console.WriteLine();
        foreach (var reason in results.Reasons) Indented(reason, 2);
        console.WriteLine();
        var mutant = results.Mutant == Campaigns.Campaign.NoMutant ? "" : $", mutant {results.Mutant}";
        var extent = FormattableString.Invariant($"{results.Silos.Count} silos, {results.DurationSeconds:0.0}s, seed {results.Seed}");
        console.Write(new Text($"{results.Name}: protocol {results.Protocol}{mutant}, {extent}"));
        console.WriteLine();
        if (results.WarmupSeconds is not { } warmUp) Indented("ended while it warmed up: the figures are those of the warm-up", 0);
        else if (warmUp > 0) Indented(FormattableString.Invariant($"warmed up for {warmUp:0.0} s, which are in no figure"), 0);
    }

    private void WriteFindings(FindingGroup group)
    {
        foreach (var (text, witness) in group.Findings.Take(FindingsMax))
        {
            console.WriteLine();
            console.Write(new Text($"{group.Singular}: {text}"));
            console.WriteLine();
            foreach (var line in witness.Take(WitnessMax)) Indented(line, 4);
            if (witness.Count > WitnessMax) Indented($"… and {witness.Count - WitnessMax} more lines in results.json", 4);
        }

        if (group.Findings.Count > FindingsMax) Indented($"… and {group.Findings.Count - FindingsMax} more of the kind in results.json", 2);
    }

    private void WriteCounts()
    {
        var pairs = CounterTable.All.Select(counter => (counter.Name, Value: counter.Read(results.Counts))).ToList();
        var across = console.Profile.Width >= WideColumns ? 4 : 2;
        var down = (pairs.Count + across - 1) / across;
        var grid = new Grid();
        for (var i = 0; i < across; i++)
        {
            grid.AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(2, 0, 1, 0) });
            grid.AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(0, 0, 2, 0), Alignment = Justify.Right });
        }

        for (var row = 0; row < down; row++)
        {
            var cells = Enumerable.Range(0, across).Select(column => row + (column * down)).SelectMany(at =>
                at < pairs.Count ? new[] { pairs[at].Name, FormattableString.Invariant($"{pairs[at].Value:N0}") } : ["", ""]);
            grid.AddRow([.. cells.Select(cell => new Text(cell))]);
        }

        console.WriteLine();
        console.Write(grid);
        var met = results.Reached.Where(one => one.Times > 0).Select(one => $"{one.Case} {Figures.Count(one.Times)}").ToList();
        if (met.Count > 0) Indented($"cases met: {string.Join(", ", met)}", 2);
    }

    private void WriteLatency()
    {
        if (results.LatencyMicroseconds.Count == 0) return;
        var table = Tables.Create("latency", "count", "p50", "p99", "p999", "max");
        foreach (var (operation, latency) in results.LatencyMicroseconds) table.Row([operation, .. Latency(latency)]);
        if (results.TurnQueue.Count > 0) table.Row(["(turn queue)", .. Latency(results.TurnQueue)]);
        console.Write(table);
    }

    private void WriteLoad()
    {
        if (results.DeliveredShare is not { } delivered) return;
        if (results.Load.Count > 0)
        {
            var table = Tables.Create("load", "due", "started", "done");
            foreach (var (operation, load) in results.Load)
                table.Row([operation, Figures.Count(load.Due), Figures.Count(load.Started), Figures.Count(load.Done)]);
            console.Write(table);
        }

        console.WriteLine();
        Indented(FormattableString.Invariant($"delivered {delivered:0.000} of the load"), 0);
    }

    private static string[] Latency(LatencySummary latency) =>
    [
        Figures.Count(latency.Count), Figures.Microseconds(latency.P50), Figures.Microseconds(latency.P99),
        Figures.Microseconds(latency.P999),
        Figures.Microseconds(latency.Max),
    ];

    private void WriteLocks()
    {
        if (results.Locks.Count == 0) return;
        if (console.Profile.Width >= WideColumns)
        {
            WriteLocks(
                ["lock", "conBounces", "contentions", "waitMin", "waitMax", "waitTotal", "waitAvg", "acqBounces", "acquisitions", "holdMin",
                    "holdMax", "holdTotal", "holdAvg"],
                row => [.. Waits(row), .. Holds(row)]);
            return;
        }

        // No room for bounces.
        WriteLocks(["lock waits", "contentions", "min", "max", "total", "avg"], row => Waits(row)[1..]);
        WriteLocks(["lock holds", "acquisitions", "min", "max", "total", "avg"], row => Holds(row)[1..]);
    }

    private void WriteLocks(string[] columns, Func<LockResult, string[]> cells)
    {
        var table = Tables.Create(columns);
        // R and W rows, as /proc/lock_stat has them.
        foreach (var row in results.Locks) table.Row([$"{row.Class}-{char.ToUpperInvariant(row.Mode[0])}", .. cells(row)]);
        console.Write(table);
    }

    private static string[] Waits(LockResult row) =>
    [
        Figures.Count(row.ContentionBounces), Figures.Count(row.Contentions),
        Figures.Microseconds(row.WaitMin), Figures.Microseconds(row.WaitMax),
        Figures.Microseconds(row.WaitTotal),
        Figures.Microseconds(row.WaitAvg),
    ];

    private static string[] Holds(LockResult row) =>
    [
        Figures.Count(row.AcquisitionBounces), Figures.Count(row.Acquisitions),
        Figures.Microseconds(row.HoldMin), Figures.Microseconds(row.HoldMax),
        Figures.Microseconds(row.HoldTotal),
        Figures.Microseconds(row.HoldAvg),
    ];

    private void WriteGuests()
    {
        var behind = results.Guests.Where(guest => guest.BehindMicroseconds > 1_000_000)
            .OrderByDescending(guest => guest.BehindMicroseconds).ToList();
        foreach (var guest in behind.Take(FindingsMax))
        {
            var share = guest.ExecutedShare is { } executed ? FormattableString.Invariant($"; it executed {executed:0.000} of it") : "";
            Indented($"guest {guest.Vm} was {Figures.Microseconds(guest.BehindMicroseconds)} behind its program at the end{share}", 0);
        }

        var least = results.GuestsUnlisted > 0 ? "at least " : "";
        if (behind.Count > FindingsMax) Indented($"… and {least}{behind.Count - FindingsMax} more guests", 0);
    }

    private void Indented(string text, int columns)
    {
        console.Write(new Padder(new Text(text), new Padding(columns, 0, 0, 0)));
    }

    /// <summary>Past the line breaking of the console, so that a copied line is whole.</summary>
    private void Copyable(string label, string text) => console.Profile.Out.Writer.WriteLine(Printable.Of(label + text));
}
