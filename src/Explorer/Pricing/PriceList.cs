namespace Livebed.Explorer.Pricing;

/// <summary>What one step costs, with where the figure comes from.</summary>
/// <param name="Nanoseconds">used</param>
/// <param name="Least">of the range that sources give, or that an estimate allows</param>
/// <param name="Most">of the same</param>
/// <param name="Source">a publication or a measurement; of an estimate, from what it was estimated</param>
/// <param name="IsEstimate">no source that can be named gives the figure</param>
public sealed record PriceEntry(long Nanoseconds, long Least, long Most, string Source, bool IsEstimate);

/// <summary>A price for every step, and what the architecture does.</summary>
public sealed class PriceList
{
    public const long NanosecondsMax = 1_000_000_000;

    private readonly PriceEntry[] _entries;
    private readonly long[] _nanoseconds;

    /// <param name="name">as results say it</param>
    /// <param name="machine">what the prices are of</param>
    /// <param name="broadcastsFlushes">TLBs are flushed by the hardware, without interrupts (arm64's TLBI)</param>
    /// <param name="entries">in the order of <see cref="PriceNames.All"/></param>
    /// <exception cref="ArgumentException">A price is missing.</exception>
    public PriceList(string name, string machine, bool broadcastsFlushes, IReadOnlyList<PriceEntry> entries)
    {
        if (entries.Count != PriceNames.All.Count) throw new ArgumentException($"{entries.Count} prices, not {PriceNames.All.Count}");
        (Name, Machine, BroadcastsFlushes, _entries) = (name, machine, broadcastsFlushes, [.. entries]);
        _nanoseconds = [.. _entries.Select(entry => entry.Nanoseconds)];
    }

    public string Name { get; }
    public string Machine { get; }
    public bool BroadcastsFlushes { get; }

    /// <summary>In nanoseconds.</summary>
    public long this[Price price] => _nanoseconds[(int)price];

    public PriceEntry EntryOf(Price price) => _entries[(int)price];

    /// <summary>The same with other prices for some steps.</summary>
    public PriceList With(params IEnumerable<(Price Price, long Nanoseconds)> changes)
    {
        var entries = (PriceEntry[])_entries.Clone();
        foreach (var (price, nanoseconds) in changes)
            entries[(int)price] = entries[(int)price] with { Nanoseconds = nanoseconds };
        return new PriceList(Name, Machine, BroadcastsFlushes, entries);
    }

    /// <summary>Every step at the same price: for tests and for thought experiments.</summary>
    public static PriceList Uniform(long nanoseconds) => new(
        "uniform", "no machine", broadcastsFlushes: false,
        [.. PriceNames.All.Select(_ => new PriceEntry(nanoseconds, nanoseconds, nanoseconds, "none", IsEstimate: true))]);
}
