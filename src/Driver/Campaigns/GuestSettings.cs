namespace Livebed.Driver.Campaigns;

/// <summary>What a VM's vCPUs do: replay a recorded trace (<see cref="Trace"/> is set), or a synthetic guest in the selftests'
/// words.</summary>
public sealed record GuestSettings
{
    /// <summary>Path as the campaign gives it; empty for a synthetic guest.</summary>
    public string Trace { get; set; } = "";

    /// <summary>Where <see cref="Trace"/> was found; absolute.</summary>
    public string TracePath { get; set; } = "";

    /// <summary>Trace time runs so many times as fast as it was recorded.</summary>
    public double Speed { get; set; } = 1;

    /// <summary>A trace holds writes only: so many of 100 accesses are reads, of pages written before.</summary>
    public int ReadPercent { get; set; } = 50;

    /// <summary>Every page of RAM is written once before the program begins.</summary>
    public bool Populate { get; set; }

    public long BytesPerVcpu { get; set; } = 16L << 20;
    public int WritePercent { get; set; } = 100;
    public AccessOrder Order { get; set; } = AccessOrder.Random;
    public AccessLayout Access { get; set; } = AccessLayout.Partitioned;

    /// <summary>Pages from one sequential access to the next.</summary>
    public int Stride { get; set; } = 1;

    /// <summary>Accesses per second of each vCPU; 0 is as fast as possible.</summary>
    public int Rate { get; set; } = 50_000;

    public bool ReplaysTrace => Trace.Length > 0;
}

/// <summary>Which pages a vCPU of a synthetic guest visits: its own share of the VM's memory, or all of it (the selftests'
/// <c>-o</c>).</summary>
public enum AccessLayout
{
    Partitioned,
    Overlapping,
}

/// <summary>In which order a synthetic guest visits its pages.</summary>
public enum AccessOrder
{
    Random,
    Sequential,
}
