namespace Livebed.Explorer.Witnesses;

/// <summary>
/// A log for a reader. Steps that show nothing are left out, as the step numbers show. Locks that a lane takes and drops one after the
/// other share a row. A repetition (a fault that retries) is shown once, with its count.
/// </summary>
public static class WitnessRows
{
    private const int LocksPerRow = 6;
    private const int PeriodMax = 24;
    private const int RepeatsMin = 3;

    /// <param name="entries">of an <see cref="EventLog"/></param>
    /// <param name="from">the first step that is shown</param>
    /// <param name="until">the last</param>
    public static IReadOnlyList<WitnessRow> Of(IEnumerable<WitnessEntry> entries, long from = 0, long until = long.MaxValue) =>
        Folded(Merged(entries.Where(entry => entry.Kind != WitnessKind.Step && entry.Step >= from && entry.Step <= until)));

    private static List<WitnessRow> Merged(IEnumerable<WitnessEntry> entries)
    {
        var rows = new List<WitnessRow>();
        var locks = 0;
        var last = WitnessKind.Step;
        foreach (var entry in entries)
        {
            var isQuiet = entry.Kind is WitnessKind.Takes or WitnessKind.Drops;
            if (isQuiet && locks is > 0 and < LocksPerRow && rows[^1].Lane == entry.Lane)
            {
                rows[^1] = rows[^1] with { Text = $"{rows[^1].Text}{(entry.Kind == last ? $", {entry.Text}" : $"; {Worded(entry)}")}" };
                locks++;
            }
            else
            {
                rows.Add(new WitnessRow(entry.Step, entry.Lane, entry.Kind, Worded(entry)));
                locks = isQuiet ? 1 : 0;
            }

            last = entry.Kind;
        }

        return rows;
    }

    private static string Worded(WitnessEntry entry) => entry.Kind switch
    {
        WitnessKind.Takes => $"takes {entry.Text}",
        WitnessKind.Drops => $"drops {entry.Text}",
        WitnessKind.Waits => $"waits for {entry.Text}",
        WitnessKind.Gets => $"gets {entry.Text}",
        WitnessKind.Operation => $"begins: {entry.Text}",
        WitnessKind.Violation => $"VIOLATES {entry.Text}",
        _ => entry.Text,
    };

    private static List<WitnessRow> Folded(List<WitnessRow> rows)
    {
        var folded = new List<WitnessRow>();
        for (var at = 0; at < rows.Count;)
        {
            var (period, repeats) = RepetitionAt(rows, at);
            folded.AddRange(rows.GetRange(at, period));
            at += period * repeats;
            if (repeats > 1)
                folded.Add(new WitnessRow(rows[at - period].Step, rows[at - 1].Lane, WitnessKind.Step, FormattableString.Invariant(
                    $"... {(period == 1 ? "the same" : $"these {period} rows")} {repeats - 1} times more")));
        }

        return folded;
    }

    private static (int Period, int Repeats) RepetitionAt(List<WitnessRow> rows, int at)
    {
        for (var period = 1; period <= PeriodMax; period++)
        {
            var same = 0;
            while (at + period + same < rows.Count && rows[at + same].HasSameTextAs(rows[at + period + same])) same++;
            var repeats = 1 + same / period;
            if (repeats >= RepeatsMin) return (period, repeats);
        }

        return (1, 1);
    }
}

/// <summary>One row of a witness as a reader sees it: the first step, the lane, the text.</summary>
public sealed record WitnessRow(long Step, string Lane, WitnessKind Kind, string Text)
{
    internal bool HasSameTextAs(WitnessRow other) => Lane == other.Lane && Kind == other.Kind && Text == other.Text;
}

/// <summary>One thing that happened in a schedule.</summary>
/// <param name="Step">in which step, from 1 on</param>
/// <param name="Lane">the lane; for a lock that was handed over, the lane that got it</param>
/// <param name="Kind">what it tells</param>
/// <param name="Text">for a person; of a lock only which and how: "mmu_lock (read)"</param>
public readonly record struct WitnessEntry(long Step, string Lane, WitnessKind Kind, string Text)
{
    /// <summary>One line, the same for the same schedule.</summary>
    public override string ToString() => FormattableString.Invariant($"{Step} {Lane} {Kind}: {Text}");
}

/// <summary>What an entry of a witness tells.</summary>
public enum WitnessKind
{
    /// <summary>A lane goes on; most steps show nothing else.</summary>
    Step,

    /// <summary>An actor begins an operation of its plan.</summary>
    Operation,

    /// <summary>What was done to page tables, memslots, logs, TLBs.</summary>
    Note,

    /// <summary>A lock was taken without waiting.</summary>
    Takes,

    /// <summary>A lane asks for a lock that is held.</summary>
    Waits,

    /// <summary>A lock with a waiter, handed over by the lane that released it.</summary>
    Gets,

    /// <summary>A lock was given back.</summary>
    Drops,

    /// <summary>An invariant is violated.</summary>
    Violation,
}
