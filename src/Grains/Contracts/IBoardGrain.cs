using Livebed.Kvm.World;

namespace Livebed.Grains.Contracts;

/// <summary>What the actors of a silo have to tell; one on each silo, and its key is the silo's name.</summary>
[Alias("livebed.board")]
public interface IBoardGrain : IGrainWithStringKey
{
    /// <summary>Reports of actors, each of which has news or something under way. Asked with <see cref="CollectKind.Rest"/> until nothing
    /// is left, the answers together have all that had happened when the first call came.</summary>
    /// <param name="kind">what is asked for</param>
    /// <param name="measuredFrom">as in <see cref="IVcpuGrain.InspectAsync"/></param>
    ValueTask<BoardReport> CollectAsync(CollectKind kind, long measuredFrom);
}

/// <summary>Whose reports are asked for.</summary>
public enum CollectKind
{
    /// <summary>Of those with news.</summary>
    News,

    /// <summary>Of all actors.</summary>
    All,

    /// <summary>What an earlier call has left.</summary>
    Rest,
}

/// <summary>What a silo's board had.</summary>
/// <param name="Silo">its name</param>
/// <param name="Running">how long it ran and stood still</param>
/// <param name="Latencies">of all its actors together</param>
/// <param name="Reports">of actors</param>
/// <param name="Left">so many more were on the board, or have not answered</param>
/// <param name="Silent">some of those that have not answered</param>
/// <param name="Failed">a sentence about each actor that cannot be asked</param>
[Immutable]
public sealed record BoardReport(
    string Silo, RunningTime Running, LatencyReport Latencies, IReadOnlyList<ActorReport> Reports, int Left,
    IReadOnlyList<string> Silent, IReadOnlyList<string> Failed);

/// <summary>How long things took on a silo: HdrHistograms of microseconds, encoded; empty when nothing was recorded.</summary>
/// <param name="MeasuredSince">since when they count, as <see cref="ActorReport.MeasuredSince"/></param>
/// <param name="Faults">from trap to resolution</param>
/// <param name="Refills">of a TLB</param>
/// <param name="TurnWaits">of ready continuations for their actor's turn</param>
[Immutable]
public sealed record LatencyReport(long MeasuredSince, byte[] Faults, byte[] Refills, byte[] TurnWaits);
