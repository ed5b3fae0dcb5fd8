using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Explorer.Witnesses;
using Spectre.Console;

namespace Livebed.Driver.Exploring;

/// <summary>
/// Draws a witness: time goes down, every lane has a column, a row is an event and begins with its step. Where columns would be too narrow
/// to read, and where there is no terminal, each event is a line that names its lane.
/// </summary>
internal sealed class WitnessView(ReportPage page)
{
    /// <summary>Narrower columns break most words.</summary>
    private const int ColumnMin = 22;

    private const int ColumnMax = 60;

    /// <summary>What the table's border and padding take of each column.</summary>
    private const int BetweenColumns = 2;

    public void Write(IReadOnlyList<WitnessRow> rows)
    {
        if (rows.Count == 0) return;
        var lanes = rows.Select(row => row.Lane).Distinct().ToList();
        var digits = Math.Max(4, rows[^1].Step.ToString(CultureInfo.InvariantCulture).Length);
        var width = (page.Console.Profile.Width - digits - 2 * BetweenColumns) / lanes.Count - BetweenColumns;
        if (page.IsTerminal && width >= ColumnMin) WriteColumns(rows, lanes, digits, Math.Min(width, ColumnMax));
        else WriteLines(rows, lanes.Max(lane => lane.Length), digits);
    }

    private void WriteColumns(IReadOnlyList<WitnessRow> rows, List<string> lanes, int digits, int width)
    {
        var table = new Table { Border = TableBorder.Simple };
        var padding = new Padding(0, 0, 1, 0);
        table.AddColumn(new TableColumn(new Text("step")) { Width = digits, NoWrap = true, Padding = padding, Alignment = Justify.Right });
        foreach (var lane in lanes)
            table.AddColumn(new TableColumn(new Text(lane, new Style(decoration: Decoration.Bold))) { Width = width, Padding = padding });
        long? last = null;
        foreach (var row in rows)
        {
            // Several rows of one step: its number once.
            var step = row.Step == last ? "" : row.Step.ToString(CultureInfo.InvariantCulture);
            last = row.Step;
            table.AddRow([new Text(step), .. lanes.Select(lane => new Text(lane == row.Lane ? row.Text : "", StyleOf(row.Kind)))]);
        }

        page.Console.Write(table);
    }

    private void WriteLines(IReadOnlyList<WitnessRow> rows, int laneWidth, int digits)
    {
        foreach (var row in rows)
        {
            var head = $"{row.Step.ToString(CultureInfo.InvariantCulture).PadLeft(digits)}  {(row.Lane + ":").PadRight(laneWidth + 1)} ";
            if (!page.IsTerminal)
            {
                page.Copyable(head + row.Text);
                continue;
            }

            var grid = new Grid { Expand = false };
            grid.AddColumn(new GridColumn { NoWrap = true, Width = head.Length, Padding = new Padding(0, 0, 0, 0) });
            grid.AddColumn(new GridColumn { Padding = new Padding(0, 0, 0, 0) });
            grid.AddRow(new Text(head), new Text(row.Text, StyleOf(row.Kind)));
            page.Console.Write(grid);
        }
    }

    private static Style StyleOf(WitnessKind kind) => kind switch
    {
        WitnessKind.Violation => new Style(Color.Red, decoration: Decoration.Bold),
        WitnessKind.Waits => new Style(Color.Yellow),
        WitnessKind.Operation => new Style(decoration: Decoration.Bold),
        WitnessKind.Takes or WitnessKind.Drops or WitnessKind.Step => new Style(decoration: Decoration.Dim),
        _ => Style.Plain,
    };
}
