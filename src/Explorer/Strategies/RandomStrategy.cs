using Livebed.Explorer.Scheduling;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Strategies;

/// <summary>Uniformly one of the ready: fair with probability one.</summary>
public sealed class RandomStrategy(ulong seed) : ISchedulingStrategy
{
    private readonly SeededRandom _random = new(SeededRandom.Mix(seed));

    public int Pick(ReadOnlySpan<ReadyLane> ready, int running) => _random.Next(ready.Length);
}
