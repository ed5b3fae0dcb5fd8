using Livebed.Kvm.World;

namespace Livebed.Explorer.Strategies;

/// <summary>
/// The schedules of a search that wants to miss nothing without knowing what it is after: even numbers are uniformly random, odd ones PCT. The
/// former are good at bugs that need many switches, the latter at those that need a few in the right place. A schedule depends on its
/// number and seed alone, never on those before it.
/// </summary>
public static class AlternatingStrategies
{
    /// <param name="seed">of the search</param>
    /// <param name="schedule">number of the schedule in it, from 0 on</param>
    /// <param name="decisions">about how many decisions a schedule has, see <see cref="PctStrategy"/></param>
    public static ISchedulingStrategy Of(ulong seed, long schedule, long decisions)
    {
        var own = SeedOf(seed, schedule);
        return schedule % 2 == 0 ? new RandomStrategy(own) : new PctStrategy(own, PctStrategy.DefaultDepth, decisions);
    }

    /// <summary>The schedule's own seed, from which a plan can be drawn too.</summary>
    public static ulong SeedOf(ulong seed, long schedule) => SeededRandom.Mix(SeededRandom.Mix(seed) + (ulong)schedule);
}
