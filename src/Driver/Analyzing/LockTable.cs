using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Analyzing;

/// <summary>
/// The lock table, with the columns of /proc/lock_stat and a row for reads and one for writes of each class. A run tells its figures in its
/// own span, so they count every acquisition. Traces without that span have only the waits and holds that became spans; then acquisitions
/// are not known and the table says so.
/// </summary>
internal sealed class LockTable
{
    private readonly SortedDictionary<(string Class, string Mode), LockRow> _told = [];
    private readonly SortedDictionary<(string Class, string Mode), LockRow> _seen = [];

    /// <summary>The run's own figures are there: the rows are whole.</summary>
    public bool IsWhole => _told.Count > 0;

    /// <summary>Rows by the wait that they cost.</summary>
    public IReadOnlyList<LockRow> Rows => [.. (IsWhole ? _told : _seen).Values.OrderByDescending(row => row.WaitTotal)];

    public void AddRun(SpanRecord run)
    {
        foreach (var entry in run.Events.Where(entry => entry.Name == EventNames.LockStat))
            RowOf(_told, entry.Attributes).Add(entry.Attributes);
    }

    public void AddWait(SpanRecord wait) => RowOf(_seen, wait.Attributes).AddWait(wait.Microseconds);

    public void AddHold(SpanRecord hold) => RowOf(_seen, hold.Attributes).AddHold(hold.Microseconds);

    private static LockRow RowOf(SortedDictionary<(string, string), LockRow> rows, AttributeSet attributes)
    {
        var key = (attributes.Text(AttributeNames.LockClass) ?? "unknown", attributes.Text(AttributeNames.LockMode) ?? "write");
        if (!rows.TryGetValue(key, out var row)) rows[key] = row = new LockRow(key.Item1, key.Item2);
        return row;
    }
}

/// <summary>One row; times in microseconds.</summary>
internal sealed class LockRow(string lockClass, string mode)
{
    public string Class { get; } = lockClass;
    public string Mode { get; } = mode;

    /// <summary>0 where only spans are known.</summary>
    public double Acquisitions { get; private set; }
    public double Contentions { get; private set; }

    /// <inheritdoc cref="Kvm.Locks.LockStatistics.AcquisitionBounces"/>
    public double AcquisitionBounces { get; private set; }

    /// <inheritdoc cref="Kvm.Locks.LockStatistics.ContentionBounces"/>
    public double ContentionBounces { get; private set; }

    public double WaitMin { get; private set; }
    public double WaitMax { get; private set; }
    public double WaitTotal { get; private set; }
    public double WaitAvg => Contentions == 0 ? 0 : WaitTotal / Contentions;
    public double Holds { get; private set; }
    public double HoldMin { get; private set; }
    public double HoldMax { get; private set; }
    public double HoldTotal { get; private set; }
    public double HoldAvg => Holds == 0 ? 0 : HoldTotal / Holds;

    public void AddWait(double microseconds) => AddWaits(1, microseconds, microseconds, microseconds);

    public void AddHold(double microseconds) => AddHolds(1, microseconds, microseconds, microseconds);

    /// <summary>What a run says of the class and mode.</summary>
    public void Add(AttributeSet figures)
    {
        Acquisitions += figures.Number(AttributeNames.LockAcquisitions);
        AcquisitionBounces += figures.Number(AttributeNames.LockAcquisitionBounces);
        ContentionBounces += figures.Number(AttributeNames.LockContentionBounces);
        AddWaits(
            figures.Number(AttributeNames.LockContentions), figures.Number(AttributeNames.LockWaitMin),
            figures.Number(AttributeNames.LockWaitMax), figures.Number(AttributeNames.LockWaitTotal));
        AddHolds(
            figures.Number(AttributeNames.LockHolds), figures.Number(AttributeNames.LockHoldMin),
            figures.Number(AttributeNames.LockHoldMax), figures.Number(AttributeNames.LockHoldTotal));
    }

    private void AddWaits(double count, double min, double max, double total)
    {
        if (count == 0) return;
        WaitMin = Contentions == 0 ? min : Math.Min(WaitMin, min);
        (WaitMax, WaitTotal, Contentions) = (Math.Max(WaitMax, max), WaitTotal + total, Contentions + count);
    }

    private void AddHolds(double count, double min, double max, double total)
    {
        if (count == 0) return;
        HoldMin = Holds == 0 ? min : Math.Min(HoldMin, min);
        (HoldMax, HoldTotal, Holds) = (Math.Max(HoldMax, max), HoldTotal + total, Holds + count);
    }
}
