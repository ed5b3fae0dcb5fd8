using Livebed.Driver.CampaignKeys;

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

    private static readonly (Func<GuestSettings, bool>, string) _replays =
        (guest => guest.ReplaysTrace, "belongs to a guest that replays a trace, and this one is synthetic");

    private static readonly (Func<GuestSettings, bool>, string) _synthetic =
        (guest => !guest.ReplaysTrace, "belongs to a synthetic guest, and this one replays a trace");

    internal static Section<GuestSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<GuestSettings, string>(
            "trace", ValueKinds.Text("the path of a dirty-page trace", 4096), g => g.Trace, (g, v) => g.Trace = v,
            "recorded trace to replay; looked for beside the campaign, in the current folder, and beside the shipped campaigns")
        { DefaultText = "none: a synthetic guest", Condition = _replays },
        new ValueKey<GuestSettings, bool>("populate", ValueKinds.Flag(), g => g.Populate, (g, v) => g.Populate = v,
            "every page of RAM is written once, as fast as it goes, before the guest's program begins"),
        new ValueKey<GuestSettings, double>("speed", ValueKinds.Number("factor", 0.001, 1_000), g => g.Speed, (g, v) => g.Speed = v,
            "how many times as fast as recorded")
        { Condition = _replays },
        new ValueKey<GuestSettings, int>(
            "readPercent", ValueKinds.Integer("percent", 0, 99), g => g.ReadPercent, (g, v) => g.ReadPercent = v,
            "accesses that read back what was written; the trace has writes only")
        { Condition = _replays },
        new ValueKey<GuestSettings, long>("bytesPerVcpu", ValueKinds.Size(64, 64L << 30), g => g.BytesPerVcpu, (g, v) => g.BytesPerVcpu = v,
            "RAM of the VM divided by its vCPUs (`-b`)")
        { Condition = _synthetic },
        new ValueKey<GuestSettings, int>("writePercent", ValueKinds.Percent(), g => g.WritePercent, (g, v) => g.WritePercent = v,
            "accesses that write (`-w`)")
        { Condition = _synthetic },
        new ValueKey<GuestSettings, AccessOrder>("order", ValueKinds.Enum<AccessOrder>(), g => g.Order, (g, v) => g.Order = v,
            "pages in random order (`-a`) or one after the other")
        { Condition = _synthetic },
        new ValueKey<GuestSettings, AccessLayout>("access", ValueKinds.Enum<AccessLayout>(), g => g.Access, (g, v) => g.Access = v,
            "each vCPU its own part of the RAM, or all of it (`-o`)")
        { Condition = _synthetic },
        new ValueKey<GuestSettings, int>("stride", ValueKinds.Integer("pages", 1, 1_000_000), g => g.Stride, (g, v) => g.Stride = v,
            "from one sequential access to the next")
        { Condition = _synthetic },
        new ValueKey<GuestSettings, int>("rate", ValueKinds.Integer("per second", 0, 1_000_000_000), g => g.Rate, (g, v) => g.Rate = v,
            "accesses of each vCPU; 0 is as fast as possible")
        { Condition = _synthetic });
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
