using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Searching;

/// <summary>
/// The schedules of an adaptive search (`--strategy adaptive`). It keeps those that met a case, or two cases together, that none before
/// had met. Half of its schedules are fresh ones. The other half begin as a kept one did, up to a step that is drawn, and go on by
/// themselves. Fresh schedules and the ends of varied ones are by turns random and PCT. A schedule depends on the search's seed and on the
/// schedules before it.
/// </summary>
/// <param name="depth">of PCT</param>
internal sealed class KeptSchedules(int depth)
{
    /// <summary>Schedules that are kept; later ones are not.</summary>
    private const int KeptMax = 1_024;

    /// <summary>Switches of a schedule that is kept; of a longer one the beginning is.</summary>
    private const int RunsMax = 8_192;

    private readonly List<Kept> _kept = [];
    private readonly UInt128[] _together = new UInt128[ReachedCase.CasesMax];
    private long _refused;

    /// <summary>What the search cannot claim any more; null while nothing was refused.</summary>
    public string? Limit => _refused == 0
        ? null
        : FormattableString.Invariant($"{KeptMax:N0} schedules are kept; {_refused:N0} later ones that met something new were not");

    /// <param name="schedule">its number in the search, from 0 on</param>
    /// <param name="seed">its own seed</param>
    /// <param name="decisionsOf">about how many decisions a schedule has in the scene of a seed</param>
    /// <returns>the seed of the scene to play in, and what chooses there</returns>
    public (ulong SceneSeed, ISchedulingStrategy Strategy) Next(long schedule, ulong seed, Func<ulong, long> decisionsOf)
    {
        var isPct = schedule % 2 != 0;
        if (schedule % 4 < 2 || _kept.Count == 0)
            return (seed, isPct ? new PctStrategy(seed, depth, decisionsOf(seed)) : new RandomStrategy(seed));
        var random = new SeededRandom(SeededRandom.Mix(seed ^ 0x4B65_7074UL));
        var kept = _kept[random.Next(_kept.Count)];
        var steps = random.Next(kept.Steps);
        var left = Math.Max(1, decisionsOf(kept.SceneSeed) - steps);
        return (
            kept.SceneSeed, new PrefixStrategy(kept.Runs, steps, isPct ? new PctStrategy(seed, depth, left) : new RandomStrategy(seed)));
    }

    /// <summary>Keeps the schedule if it met something new.</summary>
    /// <returns>whether it did</returns>
    public bool Ended(ulong sceneSeed, ReachedSet met, IReadOnlyList<(int Lane, int Steps)> runs)
    {
        var isNew = false;
        foreach (var one in met)
        {
            isNew |= (met.Bits & ~_together[one.Index]) != 0;
            _together[one.Index] |= met.Bits;
        }

        if (isNew && _kept.Count < KeptMax) _kept.Add(Kept.Of(sceneSeed, [.. runs.Take(RunsMax)]));
        else if (isNew) _refused++;
        return isNew;
    }

    private sealed record Kept(ulong SceneSeed, (int Lane, int Steps)[] Runs, long Steps)
    {
        public static Kept Of(ulong sceneSeed, (int Lane, int Steps)[] runs) =>
            new(sceneSeed, runs, Math.Max(1, runs.Sum(run => (long)run.Steps)));
    }
}
