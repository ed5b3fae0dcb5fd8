namespace Livebed.Driver.Results;

/// <summary>What lock-order checking found.</summary>
public sealed record LockOrderResult(IReadOnlyList<PotentialCycle> PotentialCycles)
{
    public static readonly LockOrderResult Empty = new([]);
}
