namespace Livebed.Faults;

/// <summary>A fault in a phase of a run, and how the run may end.</summary>
/// <param name="Name">of the row</param>
/// <param name="Fault">what happens</param>
/// <param name="Phase">when: see <see cref="Phases"/></param>
/// <param name="AfterSeconds">how long after the phase began</param>
/// <param name="Arguments">of the command</param>
/// <param name="Ends">names of the outcomes that may be</param>
/// <param name="Says">text that the command prints then; empty for any</param>
internal sealed record Row(
    string Name, Fault Fault, string Phase, double AfterSeconds, IReadOnlyList<string> Arguments, IReadOnlyList<string> Ends, string Says)
{
    /// <summary>Columns of the table in docs/faults.md.</summary>
    private const int Columns = 6;

    public const string InCi = "*";

    /// <summary>CI runs it.</summary>
    public bool IsInCi { get; init; }

    /// <summary>Exit statuses by the name that the table has for them.</summary>
    public static IReadOnlyDictionary<string, int> Statuses { get; } = new Dictionary<string, int>
    {
        ["valid"] = 0,
        ["invalid"] = 1,
        ["unknown"] = 2,
        ["failed"] = 70,
    };

    public static string NameOf(int status) =>
        Statuses.FirstOrDefault(entry => entry.Value == status).Key ?? FormattableString.Invariant($"status {status}");

    /// <summary>All rows of the table in a document.</summary>
    /// <param name="markdown">with lines <c>| name | command | phase | fault | ends | says |</c></param>
    /// <exception cref="FormatException">A row is not as it should be.</exception>
    public static IReadOnlyList<Row> Read(string markdown) =>
        [.. markdown.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(Parse)];

    private static Row Parse(string line)
    {
        var cells = line.Trim().Trim('|').Split('|').Select(cell => cell.Trim().Trim('`')).ToArray();
        if (cells.Length != Columns) throw new FormatException($"'{line}' has {cells.Length} cells; allowed: {Columns}");
        var ends = cells[4].Split(", ");
        if (Array.Find(ends, end => !Statuses.ContainsKey(end)) is { } wrong)
            throw new FormatException($"'{wrong}' is no end; allowed: {string.Join(", ", Statuses.Keys)}");
        if (!Phases.All.Contains(cells[2]))
            throw new FormatException($"'{cells[2]}' is no phase; allowed: {string.Join(", ", Phases.All)}");
        return new Row(
            cells[0].TrimEnd('*').TrimEnd('`'), Fault.Parse(cells[3]), cells[2], 0.3, cells[1].Split(' '), ends, cells[5])
        {
            IsInCi = cells[0].EndsWith(InCi, StringComparison.Ordinal),
        };
    }
}
