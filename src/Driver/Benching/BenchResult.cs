using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Driver.Benching;

/// <summary>What was measured, and the goals that it is held against.</summary>
/// <param name="Request">what was asked for</param>
/// <param name="Raw">as many bytes through raw loopback TCP, before, between and after the migrations</param>
/// <param name="Moves">the migrations</param>
/// <param name="InFlightBytes">the most bytes that were in buffers of the wire at one time</param>
/// <param name="MemoryBytes">the most memory that the process had</param>
/// <param name="Violations">what the checks found</param>
internal sealed record BenchResult(
    BenchRequest Request, IReadOnlyList<RawRun> Raw, IReadOnlyList<MeasuredMove> Moves, long InFlightBytes, long MemoryBytes,
    IReadOnlyList<Violation> Violations)
{
    /// <summary>So many times what raw TCP takes may a migration take.</summary>
    public const double RatioMax = 3;

    public const long InFlightBytesMax = 64L << 20;

    /// <summary>Memory beside the two copies, as a share of them.</summary>
    public const double MemoryShareMax = 0.1;

    public double RawSeconds { get; } = Medians.Of(Raw.Select(raw => raw.Total.TotalSeconds));

    public double MoveSeconds { get; } = Medians.Of(Moves.Select(move => move.Total.TotalSeconds));

    public double RawCpuSeconds { get; } = Medians.Of(Raw.Select(raw => raw.Cpu.TotalSeconds));

    public double MoveCpuSeconds { get; } = Medians.Of(Moves.Select(move => move.Cpu.TotalSeconds));

    public double CheckSeconds { get; } = Medians.Of(Moves.Select(move => move.Check.TotalSeconds));

    public double MoveSecondsWithoutCheck { get; } = Medians.Of(Moves.Select(move => (move.Total - move.Check).TotalSeconds));

    /// <summary>With the comparison of all memory; the goal is held against this one.</summary>
    public double Ratio => MoveSeconds / RawSeconds;

    public double RatioWithoutCheck => MoveSecondsWithoutCheck / RawSeconds;

    public double DowntimeMicroseconds { get; } = Medians.Of(Moves.Select(move => (double)move.Info.DowntimeMicroseconds));

    public long MemoryBytesMax => (long)(2 * Request.Memory * (1 + MemoryShareMax));

    public bool HoldsRatio => Ratio <= RatioMax;
    public bool HoldsInFlight => InFlightBytes <= InFlightBytesMax;
    public bool HoldsMemory => MemoryBytes <= MemoryBytesMax;
    public bool HoldsAll => HoldsRatio && HoldsInFlight && HoldsMemory;

    public double BytesPerSecond(double seconds) => Request.Memory / seconds;
}

/// <summary>One migration that was measured.</summary>
/// <param name="Info">as <c>query-migrate</c> tells it</param>
/// <param name="Command">from the order to its answer: with the source's teardown, which frees its memory</param>
/// <param name="Cpu">processor time of the process meanwhile</param>
internal sealed record MeasuredMove(MigrationInfo Info, TimeSpan Command, TimeSpan Cpu)
{
    public TimeSpan Total => TimeSpan.FromMicroseconds(Info.TotalMicroseconds);

    /// <summary>Of that, the bed's own comparison of all memory, which no real migration makes.</summary>
    public TimeSpan Check => TimeSpan.FromMicroseconds(Info.CheckMicroseconds);
}

/// <summary>One transfer through raw TCP.</summary>
/// <param name="Total">from the first byte sent until the last was received</param>
/// <param name="Cpu">processor time of the process meanwhile</param>
internal sealed record RawRun(TimeSpan Total, TimeSpan Cpu);
