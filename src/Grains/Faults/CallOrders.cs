namespace Livebed.Grains.Faults;

/// <summary>What a silo's network does to calls that may arrive twice and late, until it is told otherwise or the time is over. It replaces
/// what was ordered before.</summary>
/// <param name="Share">of those calls, which are struck; 0 strikes none</param>
/// <param name="DelayMilliseconds">a message that is struck is late by a time drawn evenly from so much</param>
/// <param name="Milliseconds">then the network heals by itself, should nothing tell it to</param>
public sealed record CallOrders(double Share, int DelayMilliseconds, int Milliseconds)
{
    /// <summary>The network is well.</summary>
    public static readonly CallOrders None = new(0, 0, 0);

    /// <summary>A call that is struck arrives twice; otherwise once.</summary>
    public bool AreTwice { get; init; }

    /// <summary>Of the draws.</summary>
    public ulong Seed { get; init; }
}
