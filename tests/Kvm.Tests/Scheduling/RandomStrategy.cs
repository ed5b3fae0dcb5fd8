using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>Uniformly one of the ready: fair with probability one.</summary>
internal sealed class RandomStrategy(ulong seed) : ISchedulingStrategy
{
    private readonly SeededRandom _random = new(seed);

    public int Pick(ReadOnlySpan<SimReady> ready) => _random.Next(ready.Length);
}
