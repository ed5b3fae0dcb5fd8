using System.Numerics;
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
        if (options.Strategy == StrategyKind.Pct) _expected = new ExpectedDecisions(scenario, setup, _order);
        for (long schedule = 0; schedule < options.Schedules; schedule++)
        {
            var seed = options.Seed + (ulong)schedule;
            var scene = _scenes.Of(_dfs is null ? seed : DepthFirstSeed);
            var footprints = _dfs?.BeginSchedule();
            if (_dfs is not null && footprints is null) return Result(schedule, finding: null, isExhaustive: true);
            var played = Play(scene, seed, footprints);
            _steps += played.Result.Steps;
            CountReached();
            if (played.IsBroken) return Result(schedule + 1, FindingOf(scene, played, schedule + 1, seed), isExhaustive: false);
            Remember(scene, played, seed);
            if ((schedule + 1) % SchedulesPerProgress == 0) options.Progress?.Invoke(schedule + 1, _steps);
            if (options.IsOver?.Invoke() == true) return Result(schedule + 1, finding: null, isExhaustive: false);
        }

        return Result(options.Schedules, finding: null, isExhaustive: false);
    }

    private void CountReached()
    {
        for (var bits = _reached.TakeBits(); bits != 0; bits &= bits - 1) _schedulesOf[BitOperations.TrailingZeroCount(bits)]++;
    }

    private PlayResult Play(Scene scene, ulong seed, Footprints? footprints)
    {
        _recorder.Clear();
        ISchedulingStrategy strategy = options.Strategy switch
        {
            StrategyKind.Random => new RandomStrategy(seed),
            StrategyKind.Pct => new PctStrategy(seed, options.Depth, _expected!.Of(scene.Plan)),
            _ => _dfs!,
        };
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

    private void Remember(Scene scene, PlayResult played, ulong seed)
    {
        if (scenario.Objective is not { } objective || played.Result.Outcome != ScheduleOutcome.Completed) return;
        var value = objective.Measure(played.Stage);
        if (_worst is null || value > _worst.Value) _worst = new SearchResult.Extreme(value, ReplayOf(scene, played, seed));
    }

    private Finding FindingOf(Scene scene, PlayResult played, long schedule, ulong seed) => new(
        played.Violations, schedule, seed, ReplayOf(scene, played, seed), played.Result.Failure,
        scenario.KnownAs(setup.Protocol, played.Violations)?.Why);

    private Replay ReplayOf(Scene scene, PlayResult played, ulong seed) => new()
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
            : null,
    };
}

/// <summary>How to search, and for how long.</summary>
public sealed record SearchOptions
{
    public StrategyKind Strategy { get; init; } = StrategyKind.Random;

    /// <summary>Schedule i, from 0 on, has the seed <c>Seed + i</c>; a finding names its own.</summary>
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
