using Spectre.Console;

namespace Livebed.Driver.Terminal;

/// <summary>The one look that all tables of the command have: a ruled head, names to the left, numbers to the right, no wrapped
/// cell.</summary>
internal static class Tables
{
    public static Table Create(params ReadOnlySpan<string> columns)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (var name in columns)
        {
            var column = new TableColumn(new Text(name)) { NoWrap = true, Padding = new Padding(0, 0, 1, 0) };
            table.AddColumn(table.Columns.Count == 0 ? column.LeftAligned() : column.RightAligned());
        }

        return table;
    }

    /// <summary>Adds a row that stands for those that are left out.</summary>
    public static void Ellipsis(this Table table) => table.Row(["…", .. Enumerable.Repeat("", table.Columns.Count - 1)]);

    /// <summary>Adds a row of texts, in which nothing is markup.</summary>
    public static void Row(this Table table, params IEnumerable<string> cells) => table.AddRow(cells.Select(cell => new Text(cell)));
}
