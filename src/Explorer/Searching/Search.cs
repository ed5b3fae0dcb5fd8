using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Searching;

/// <summary>Plays schedule after schedule of a scenario until one breaks something, the limit is reached, or none is left.</summary>
public sealed class Search(Scenario scenario, ScenarioSetup setup, SearchOptions options)
{
    private const int SchedulesPerProgress = 1_000;

    private readonly ScheduleRecorder _recorder = new();
    private readonly LockOrderGraph _order = new();
    private readonly LockCounts _counts = new();
    private readonly DepthFirstStrategy? _dfs = options.Strategy == StrategyKind.Dfs ? new DepthFirstStrategy(options.Preemptions) : null;
    private readonly SceneSource _scenes = new(scenario, setup);
    private readonly KeptSchedules? _kept = options.Strategy == StrategyKind.Adaptive ? new KeptSchedules(options.Depth) : null;
    private ExpectedDecisions? _expected;
    private SearchResult.Extreme? _worst;
    private long _steps;
    private readonly ReachedCounts _reached = new();
    private readonly long[] _schedulesOf = new long[ReachedCase.All.Count];

    /// <summary>All schedules of an exhaustive search have one scene: that of the seed where a scenario is drawn from it, and else the
    /// plain one, which is the smallest.</summary>
    private ulong DepthFirstSeed => scenario.IsDrawnFromSeed ? options.Seed : 0;

    /// <summary>An exhaustive search keeps to the kernel's own points, as there are so many more schedules with the others.</summary>
    private bool CallsArePoints => _dfs is null;

    public SearchResult Run()
    {
        if (options.Strategy is StrategyKind.Pct or StrategyKind.Adaptive) _expected = new ExpectedDecisions(scenario, setup, _order);
        for (long schedule = 0; schedule < options.Schedules; schedule++)
        {
            var seed = options.Seed + (ulong)schedule;
            var footprints = _dfs?.BeginSchedule();
            if (_dfs is not null && footprints is null) return Result(schedule, finding: null, isExhaustive: true);
            var (sceneSeed, strategy) = Draw(schedule, seed);
            var scene = _scenes.Of(sceneSeed);
            var played = Play(scene, strategy, footprints);
            _steps += played.Result.Steps;
            CountReached(sceneSeed);
            if (played.IsBroken) return Result(schedule + 1, FindingOf(scene, played, schedule + 1, seed), isExhaustive: false);
            Remember(scene, played);
            if ((schedule + 1) % SchedulesPerProgress == 0) options.Progress?.Invoke(schedule + 1, _steps);
            if (options.IsOver?.Invoke() == true) return Result(schedule + 1, finding: null, isExhaustive: false);
        }

        return Result(options.Schedules, finding: null, isExhaustive: false);
    }

    private void CountReached(ulong sceneSeed)
    {
        var met = _reached.Take();
        for (var bits = met.Bits; bits != 0; bits &= bits - 1) _schedulesOf[(int)UInt128.TrailingZeroCount(bits)]++;
        _kept?.Ended(sceneSeed, met, _recorder.Runs);
    }

    /// <summary>The seed of the scene that is played in, and what chooses there.</summary>
    private (ulong SceneSeed, ISchedulingStrategy Strategy) Draw(long schedule, ulong seed) => options.Strategy switch
    {
        StrategyKind.Random => (seed, new RandomStrategy(seed)),
        StrategyKind.Pct => (seed, new PctStrategy(seed, options.Depth, DecisionsOf(seed))),
        StrategyKind.Dfs => (DepthFirstSeed, _dfs!),
        _ => _kept!.Next(schedule, seed, DecisionsOf),
    };

    private long DecisionsOf(ulong sceneSeed) => _expected!.Of(_scenes.Of(sceneSeed).Plan);

    private PlayResult Play(Scene scene, ISchedulingStrategy strategy, Footprints? footprints)
    {
        _recorder.Clear();
        var world = new VirtualWorld(strategy, recorder: _recorder, footprints: footprints)
        {
            LockOrder = _order,
            LockCounts = _counts,
            ReachedCounts = _reached,
            CallsArePoints = CallsArePoints,
        };
        options.Attach?.Invoke(world);
        return scene.Player.Play(world);
    }

    private void Remember(Scene scene, PlayResult played)
    {
        if (scenario.Objective is not { } objective || played.Result.Outcome != ScheduleOutcome.Completed) return;
        var value = objective.Measure(played.Stage);
        if (_worst is null || value > _worst.Value) _worst = new SearchResult.Extreme(value, ReplayOf(scene, played));
    }

    private Finding FindingOf(Scene scene, PlayResult played, long schedule, ulong seed) => new(
        played.Violations, schedule, _kept is null ? seed : options.Seed, ReplayOf(scene, played), played.Result.Failure,
        scenario.KnownAs(setup.Protocol, played.Violations)?.Why);

    private Replay ReplayOf(Scene scene, PlayResult played) => new()
    {
        Scenario = scenario.Name,
        Protocol = setup.Protocol,
        ProtocolAssembly = setup.ProtocolAssembly,
        Mutant = Mutant.NameOf(setup.Mutant),
        Parameters = scene.Plan.AllParameters(),
        Seed = scenario.IsDrawnFromSeed ? scene.Plan.Seed : 0,
        Without = Exclusions.None,
        CallsArePoints = CallsArePoints,
        Schedule = _recorder.NamedRuns(played.Stage.Bed.World.Lanes),
        Violates = [.. played.Violations.Select(violation => violation.Invariant).Distinct()],
        LogHash = played.Result.LogHash,
    };

    private SearchResult Result(long schedules, Finding? finding, bool isExhaustive) => new()
    {
        Schedules = schedules,
        Steps = _steps,
        Reached = ReachedCase.All.Where(one => _schedulesOf[one.Index] > 0).ToDictionary(one => one, one => _schedulesOf[one.Index]),
        Finding = finding,
        Worst = _worst,
        PotentialDeadlocks = _order.PotentialCycles(),
        IsExhaustive = isExhaustive,
        Equivalent = _dfs?.Equivalent ?? 0,
        Limit = _dfs is { IsMemoryFull: true }
            ? $"{DepthFirstStrategy.StatesMax:N0} states are remembered; later ones were not, so equal schedules may have been played again"
            : _kept?.Limit,
    };
}

/// <summary>How to search, and for how long.</summary>
public sealed record SearchOptions
{
    public StrategyKind Strategy { get; init; } = StrategyKind.Random;

    /// <summary>Schedule i, from 0 on, has the seed <c>Seed + i</c>; a finding names its own. An adaptive search repeats itself from its
    /// beginning only, so there a finding names this one.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Most schedules that are played.</summary>
    public long Schedules { get; init; } = 10_000;

    /// <summary>PCT: ordering constraints that a bug may need.</summary>
    public int Depth { get; init; } = PctStrategy.DefaultDepth;

    /// <summary>DFS: switches away from a lane that could have gone on, at most, in one schedule.</summary>
    public int Preemptions { get; init; } = 2;

    /// <summary>Given the world of each schedule before it is played, to listen.</summary>
    public Action<VirtualWorld>? Attach { get; init; }

    /// <summary>Asked after every schedule: true ends the search, which then says that it was cut short.</summary>
    public Func<bool>? IsOver { get; init; }

    /// <summary>Told now and then how many schedules and steps there were.</summary>
    public Action<long, long>? Progress { get; init; }
}
