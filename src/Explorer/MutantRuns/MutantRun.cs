using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;

namespace Livebed.Explorer.MutantRuns;

/// <summary>
/// Hunts every given mutant in its scenario under its protocol, with several seeds each. All searches advance by turns of a few schedules,
/// so that whatever time there is, those that are still under way have had the same number of schedules when it ends.
/// </summary>
/// <param name="mutants">the mutants</param>
/// <param name="findScenario">a scenario by name; null when there is none</param>
/// <param name="options">how long</param>
public sealed class MutantRun(IReadOnlyList<Mutant> mutants, Func<string, Scenario?> findScenario, MutantRunOptions options)
{
    private const int SchedulesPerTurn = 32;

    private long _schedules;

    public IReadOnlyList<MutantOutcome> Run()
    {
        var searches = mutants.Select(mutant => SearchesOf(mutant).ToList()).ToList();
        var all = searches.SelectMany(ofOne => ofOne).ToList();
        var isOver = false;
        for (var pending = all; pending.Count > 0 && !isOver; pending = [.. pending.Where(IsUnderWay)])
        {
            foreach (var search in pending)
            {
                if (isOver = PlayTurn(search)) break;
                options.Progress?.Invoke(all.Count(one => !IsUnderWay(one)), all.Count, _schedules);
            }
        }

        return [.. mutants.Select((mutant, index) => new MutantOutcome(mutant, [.. searches[index].Select(search => search.Result)])
        {
            Problem = findScenario(mutant.Scenario) is null ? $"there is no scenario '{mutant.Scenario}'" : null,
            Needs = findScenario(mutant.Scenario)?.Needs ?? [],
        })];
    }

    private IEnumerable<MutantSearch> SearchesOf(Mutant mutant)
    {
        if (findScenario(mutant.Scenario) is not { } scenario) yield break;
        for (var seed = 1; seed <= options.Seeds; seed++)
            yield return new MutantSearch(mutant, scenario, (ulong)seed, options.Strategy, alsoWithout: seed == 1);
    }

    /// <returns>whether the time is over</returns>
    private bool PlayTurn(MutantSearch search)
    {
        for (var played = 0; played < SchedulesPerTurn && IsUnderWay(search); played++)
        {
            if (options.IsOver?.Invoke() == true) return true;
            search.PlayNext();
            _schedules++;
        }

        return false;
    }

    private bool IsUnderWay(MutantSearch search) => search.Catch is null && search.Schedules < options.SchedulesMax;
}

/// <summary>How long mutants are hunted.</summary>
public sealed record MutantRunOptions
{
    /// <summary>Searches of each mutant, with the seeds 1, 2, 3, ...</summary>
    public int Seeds { get; init; } = 20;

    /// <summary>How schedules are chosen; null for random and PCT by turns.</summary>
    public StrategyKind? Strategy { get; init; }

    /// <summary>Schedules after which a search gives up.</summary>
    public long SchedulesMax { get; init; } = 1_000_000;

    /// <summary>Asked after every schedule: true ends all searches, and those that have caught nothing say so.</summary>
    public Func<bool>? IsOver { get; init; }

    /// <summary>Told now and then how many searches have ended, how many there are, and how many schedules were played.</summary>
    public Action<int, int, long>? Progress { get; init; }
}
