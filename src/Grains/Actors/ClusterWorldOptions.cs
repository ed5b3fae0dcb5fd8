using Livebed.Grains.Hosting;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>
/// How an actor's turns are preempted. Kernel code can be interrupted nearly anywhere; a grain's turn only at an await that really waits,
/// which would close most windows of a race. So at each of the model's scheduling points the actor gives way with this probability.
/// </summary>
public sealed record ClusterWorldOptions
{
    /// <summary>Share of scheduling points at which others run, 0 to 1.</summary>
    public double PreemptionShare { get; init; } = ClusterWorld.DefaultPreemptionShare;

    public ulong Seed { get; init; }

    public ulong PreemptionSeed(string actor)
    {
        var seed = Seed;
        foreach (var character in actor) seed = SeededRandom.Mix(seed ^ character);
        return seed;
    }
}
