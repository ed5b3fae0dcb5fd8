using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.MutantRuns;

/// <summary>
/// One search for a mutant: schedules by turns random and PCT, or of the strategy that is asked for, until one breaks something that is not
/// known to break without any mutant. It can be stopped after any schedule and goes on where it was, so that many searches share a budget.
/// When asked to, it also plays each schedule without the mutant: what breaks there is a false alarm.
/// </summary>
internal sealed class MutantSearch
{
    private readonly Variant _mutated;
    private readonly Variant? _sound;
    private readonly Mutant _mutant;
    private readonly ulong _seed;
    private readonly StrategyKind? _strategy;
    private MutantCatch? _falseAlarm;
    private ReachedSet _met;
    private ReachedSet _metAtLast;

    public MutantSearch(Mutant mutant, Scenario scenario, ulong seed, StrategyKind? strategy, bool alsoWithout)
    {
        (_mutant, _seed, _strategy) = (mutant, seed, strategy);
        var setup = new ScenarioSetup(mutant.Protocol, mutant);
        _mutated = new Variant(scenario, setup, strategy);
        if (alsoWithout) _sound = new Variant(scenario, setup with { Mutant = null }, strategy);
    }

    public long Schedules { get; private set; }
    public MutantCatch? Catch { get; private set; }

    public MutantSearchResult Result => new(_seed, Schedules, Catch, _falseAlarm)
    {
        Met = _met,
        MetAtLast = _metAtLast,
    };

    /// <summary>Plays the next schedule.</summary>
    public void PlayNext()
    {
        var schedule = Schedules++;
        if (_sound is not null) _falseAlarm ??= Judge(_sound.Play(_seed, schedule), schedule);
        Catch = Judge(_mutated.Play(_seed, schedule), schedule);
        _metAtLast = _mutated.Met;
        _met |= _metAtLast;
    }

    private MutantCatch? Judge(PlayResult played, long schedule)
    {
        // A schedule of an adaptive search depends on those before it.
        var isAdaptive = _strategy == StrategyKind.Adaptive;
        var strategy = _strategy ?? AlternatingStrategies.KindOf(schedule);
        var (seed, schedules) = (AlternatingStrategies.SeedOf(_seed, isAdaptive ? 0 : schedule), isAdaptive ? schedule + 1 : 1);
        if (played.Result.Failure is { } failure)
            return new MutantCatch(failure.GetType().Name, IsNamed: false, failure.Message, strategy, seed, schedules);
        if (played.Violations.Count == 0 || _mutated.Scenario.KnownAs(_mutant.Protocol, played.Violations) is not null) return null;
        var violation = played.Violations.FirstOrDefault(IsNamed) ?? played.Violations[0];
        return new MutantCatch(violation.Invariant, IsNamed(violation), violation.Message, strategy, seed, schedules);
    }

    private bool IsNamed(Violation violation) => _mutant.CaughtBy.Contains(violation.Invariant);

    /// <summary>The scenario with the mutant, or without.</summary>
    private sealed class Variant(Scenario scenario, ScenarioSetup setup, StrategyKind? kind)
    {
        private readonly LockOrderGraph _order = new();
        private readonly SceneSource _scenes = new(scenario, setup);
        private readonly ReachedCounts _reached = new();
        private readonly KeptSchedules? _kept = kind == StrategyKind.Adaptive ? new KeptSchedules(PctStrategy.DefaultDepth) : null;
        private readonly ScheduleRecorder? _recorder = kind == StrategyKind.Adaptive ? new ScheduleRecorder() : null;
        private ExpectedDecisions? _expected;

        public Scenario Scenario => scenario;

        /// <summary>The cases of the last schedule.</summary>
        public ReachedSet Met { get; private set; }

        public PlayResult Play(ulong seed, long schedule)
        {
            // As in a search of `explore`, one schedule tells how many decisions there are.
            _expected ??= new ExpectedDecisions(scenario, setup, _order);
            _recorder?.Clear();
            var (sceneSeed, strategy) = Draw(AlternatingStrategies.SeedOf(seed, schedule), schedule);
            var played = _scenes.Of(sceneSeed).Player.Play(
                new VirtualWorld(strategy, recorder: _recorder)
                {
                    LockOrder = _order,
                    ReachedCounts = _reached,
                });
            Met = _reached.Take();
            _kept?.Ended(sceneSeed, Met, _recorder!.Runs);
            return played;
        }

        private (ulong SceneSeed, ISchedulingStrategy Strategy) Draw(ulong own, long schedule)
        {
            if (_kept is not null) return _kept.Next(schedule, own, DecisionsOf);
            return (kind ?? AlternatingStrategies.KindOf(schedule)) == StrategyKind.Random
                ? (own, new RandomStrategy(own))
                : (own, new PctStrategy(own, PctStrategy.DefaultDepth, DecisionsOf(own)));
        }

        private long DecisionsOf(ulong sceneSeed) => _expected!.Of(_scenes.Of(sceneSeed).Plan);
    }
}

/// <summary>One search for one mutant.</summary>
/// <param name="Seed">of the search</param>
/// <param name="Schedules">that were played, the last of them the one that caught it</param>
/// <param name="Catch">null when none did</param>
/// <param name="FalseAlarm">what one of the same schedules broke without the mutant; only asked of the first seed</param>
public sealed record MutantSearchResult(ulong Seed, long Schedules, MutantCatch? Catch, MutantCatch? FalseAlarm)
{
    /// <summary>The cases that its schedules met.</summary>
    public ReachedSet Met { get; init; }

    /// <summary>Those of the last schedule: of the one that caught it, if one did.</summary>
    public ReachedSet MetAtLast { get; init; }
}

/// <summary>The schedule that ended a search, and what it broke.</summary>
/// <param name="By">the invariant; one that the mutant names, if it broke several. Or what a lane threw</param>
/// <param name="IsNamed">whether the mutant names it</param>
/// <param name="Message">of the violation</param>
/// <param name="Strategy">with the next: `explore` repeats it</param>
/// <param name="ScheduleSeed">the schedule's own seed; of an adaptive search the seed of its first schedule</param>
/// <param name="Schedules">that `explore` plays from that seed on to repeat it</param>
public sealed record MutantCatch(string By, bool IsNamed, string Message, StrategyKind Strategy, ulong ScheduleSeed, long Schedules);
