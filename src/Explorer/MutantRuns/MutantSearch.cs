using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.MutantRuns;

/// <summary>
/// One search for a mutant: schedules by turns random and PCT, until one breaks something that is not known to break without any mutant. It
/// can be stopped after any schedule and goes on where it was, so that many searches share a budget. When asked to, it also plays each
/// schedule without the mutant: what breaks there is a false alarm.
/// </summary>
internal sealed class MutantSearch
{
    private readonly Variant _mutated;
    private readonly Variant? _sound;
    private readonly Mutant _mutant;
    private readonly ulong _seed;
    private MutantCatch? _falseAlarm;

    public MutantSearch(Mutant mutant, Scenario scenario, ulong seed, bool alsoWithout)
    {
        (_mutant, _seed) = (mutant, seed);
        var setup = new ScenarioSetup(mutant.Protocol, mutant);
        _mutated = new Variant(scenario, setup);
        if (alsoWithout) _sound = new Variant(scenario, setup with { Mutant = null });
    }

    public long Schedules { get; private set; }
    public MutantCatch? Catch { get; private set; }

    public MutantSearchResult Result => new(_seed, Schedules, Catch, _falseAlarm);

    /// <summary>Plays the next schedule.</summary>
    public void PlayNext()
    {
        var schedule = Schedules++;
        if (_sound is not null) _falseAlarm ??= Judge(_sound.Play(_seed, schedule), schedule);
        Catch = Judge(_mutated.Play(_seed, schedule), schedule);
    }

    private MutantCatch? Judge(PlayResult played, long schedule)
    {
        var (strategy, seed) = (AlternatingStrategies.KindOf(schedule), AlternatingStrategies.SeedOf(_seed, schedule));
        if (played.Result.Failure is { } failure)
            return new MutantCatch(failure.GetType().Name, IsNamed: false, failure.Message, strategy, seed);
        if (played.Violations.Count == 0 || _mutated.Scenario.KnownAs(_mutant.Protocol, played.Violations) is not null) return null;
        var violation = played.Violations.FirstOrDefault(IsNamed) ?? played.Violations[0];
        return new MutantCatch(violation.Invariant, IsNamed(violation), violation.Message, strategy, seed);
    }

    private bool IsNamed(Violation violation) => _mutant.CaughtBy.Contains(violation.Invariant);

    /// <summary>The scenario with the mutant, or without.</summary>
    private sealed class Variant(Scenario scenario, ScenarioSetup setup)
    {
        private readonly LockOrderGraph _order = new();
        private readonly SceneSource _scenes = new(scenario, setup);
        private ExpectedDecisions? _expected;

        public Scenario Scenario => scenario;

        public PlayResult Play(ulong seed, long schedule)
        {
            // As in a search of `explore`, one schedule tells how many decisions there are.
            _expected ??= new ExpectedDecisions(scenario, setup, _order);
            var scene = _scenes.Of(AlternatingStrategies.SeedOf(seed, schedule));
            return scene.Player.Play(
                new VirtualWorld(AlternatingStrategies.Of(seed, schedule, _expected.Of(scene.Plan))) { LockOrder = _order });
        }
    }
}

/// <summary>One search for one mutant.</summary>
/// <param name="Seed">of the search</param>
/// <param name="Schedules">that were played, the last of them the one that caught it</param>
/// <param name="Catch">null when none did</param>
/// <param name="FalseAlarm">what one of the same schedules broke without the mutant; only asked of the first seed</param>
public sealed record MutantSearchResult(ulong Seed, long Schedules, MutantCatch? Catch, MutantCatch? FalseAlarm);

/// <summary>The schedule that ended a search, and what it broke.</summary>
/// <param name="By">the invariant; one that the mutant names, if it broke several. Or what a lane threw</param>
/// <param name="IsNamed">whether the mutant names it</param>
/// <param name="Message">of the violation</param>
/// <param name="Strategy">with the next: `explore` repeats it</param>
/// <param name="ScheduleSeed">the schedule's own seed</param>
public sealed record MutantCatch(string By, bool IsNamed, string Message, StrategyKind Strategy, ulong ScheduleSeed);
