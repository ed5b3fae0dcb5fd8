using Livebed.Explorer.Scheduling;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Strategies;

/// <summary>Uniformly one of the ready: fair with probability one.</summary>
public sealed class RandomStrategy(ulong seed) : ISchedulingStrategy
{
    private readonly SeededRandom _random = new(SeededRandom.Mix(seed));

    public int Pick(ReadOnlySpan<ReadyLane> ready, int running) => _random.Next(ready.Length);
}

/// <summary>
/// Schedules of a search that wants to miss nothing without knowing what it is after: even numbers are uniformly random, odd ones PCT. The
/// former are good at bugs that need many switches, the latter at those that need a few in the right place. A schedule depends on its
/// number and the search's seed alone, never on those before it.
/// </summary>
public static class AlternatingStrategies
{
    /// <summary>Searches with neighbouring seeds share no schedule below this number.</summary>
    public const ulong SchedulesPerSeed = 1_000_000_000;

    /// <param name="seed">of the search</param>
    /// <param name="schedule">number of the schedule in it, from 0 on</param>
    /// <param name="decisions">about how many decisions a schedule has, see <see cref="PctStrategy"/></param>
    public static ISchedulingStrategy Of(ulong seed, long schedule, long decisions)
    {
        var own = SeedOf(seed, schedule);
        return KindOf(schedule) == StrategyKind.Random
            ? new RandomStrategy(own)
            : new PctStrategy(own, PctStrategy.DefaultDepth, decisions);
    }

    public static StrategyKind KindOf(long schedule) => schedule % 2 == 0 ? StrategyKind.Random : StrategyKind.Pct;

    /// <summary>The schedule's own seed: a search with this seed and strategy has the schedule as its first.</summary>
    public static ulong SeedOf(ulong seed, long schedule) => seed * SchedulesPerSeed + (ulong)schedule;
}
