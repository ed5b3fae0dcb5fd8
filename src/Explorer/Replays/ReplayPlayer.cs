using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Replays;

/// <summary>
/// Turns a replay back into a schedule and plays it. One instance plays any number of replays of the same scenario and setup: the written
/// one exactly, and, leniently, those that a shrinker makes of it.
/// </summary>
public sealed class ReplayPlayer
{
    private readonly Scenario _scenario;
    private readonly ScenarioSetup _setup;

    /// <summary>Of a replay that this process has just made; one from a file comes by <see cref="Of"/>.</summary>
    public ReplayPlayer(Scenario scenario, ScenarioSetup setup)
    {
        _scenario = scenario;
        _setup = setup;
    }

    public Scenario Scenario => _scenario;

    /// <summary>Looks up what the replay names.</summary>
    /// <param name="replay">what is to be played</param>
    /// <param name="findProtocol">name and assembly (null for a preset) to a setup; says itself that there is none, by an exception</param>
    /// <exception cref="ReplayException">Scenario, protocol, mutant, parameter, invariant or what is left out is unknown; one
    /// line.</exception>
    public static ReplayPlayer Of(Replay replay, Func<string, string?, ScenarioSetup> findProtocol)
    {
        var scenario = ScenarioCatalog.Find(replay.Scenario) ?? throw new ReplayException(
            $"scenario: '{replay.Scenario}' is unknown; allowed: {string.Join(", ", ScenarioCatalog.All.Select(known => known.Name))}");
        var setup = findProtocol(replay.Protocol, replay.ProtocolAssembly) with
        {
            Mutant = MutantOf(replay.Mutant),
            Parameters = replay.Parameters,
        };
        foreach (var (name, value) in replay.Parameters) CheckParameter(scenario, name, value);
        if (replay.Violates.FirstOrDefault(name => !InvariantCatalog.All.ContainsKey(name)) is { } unknown)
            throw new ReplayException(
                $"violates: '{unknown}' is unknown; allowed: {string.Join(", ", InvariantCatalog.All.Select(known => known.Key))}");
        var player = new ReplayPlayer(scenario, setup);
        CheckOmissions(player.PlanOf(replay), replay.Without);
        return player;
    }

    /// <param name="replay">schedule, seed and omissions; of the same scenario and setup as this player</param>
    /// <param name="isLenient">whether what cannot be followed is skipped, see <see cref="ReplayStrategy"/></param>
    /// <param name="attach">receives the world before anything runs, to attach a listener; null for none</param>
    /// <param name="stepsMax">stops there; null plays to the end</param>
    public Replayed Play(Replay replay, bool isLenient, Action<VirtualWorld>? attach = null, long? stepsMax = null)
    {
        var strategy = new ReplayStrategy(replay.Schedule, isLenient);
        var recorder = new ScheduleRecorder();
        var world = new VirtualWorld(strategy, recorder: recorder) { CallsArePoints = replay.CallsArePoints };
        attach?.Invoke(world);
        var plan = PlanOf(replay);
        var isCutShort = stepsMax < plan.StepsMax;
        if (isCutShort) plan.StepsMax = stepsMax!.Value;
        var played = new PlanPlayer(plan, replay.Without).Play(world);
        // A schedule that was stopped on purpose has not come to a standstill.
        if (isCutShort && played.Result.Outcome == ScheduleOutcome.StepLimit)
            played = played with { Violations = played.Result.Violations };
        return new Replayed(played, recorder.NamedRuns(world.Lanes), strategy.Divergence);
    }

    /// <summary>Plays the replay's plan in another order than the written one.</summary>
    internal Replayed Play(Replay replay, ISchedulingStrategy strategy)
    {
        var recorder = new ScheduleRecorder();
        var world = new VirtualWorld(strategy, recorder: recorder) { CallsArePoints = replay.CallsArePoints };
        var played = new PlanPlayer(PlanOf(replay), replay.Without).Play(world);
        return new Replayed(played, recorder.NamedRuns(world.Lanes), Divergence: null);
    }

    /// <summary>The replay has the parameters that were drawn, too.</summary>
    internal ScenarioPlan PlanOf(Replay replay) => new(_scenario, _setup with { Parameters = replay.Parameters }, replay.Seed);

    private static Mutant? MutantOf(string name)
    {
        if (name == Mutant.None) return null;
        return Mutant.Find(name) ?? throw new ReplayException(
            $"mutant: '{name}' is unknown; allowed: {Mutant.None}, "
                + $"{string.Join(", ", Mutant.All.Select(entry => entry.Name))}");
    }

    private static void CheckParameter(Scenario scenario, string name, int value)
    {
        var parameter = scenario.AllParameters.FirstOrDefault(known => known.Name == name) ?? throw new ReplayException(
            $"parameters: {scenario.Name} has no '{name}'; allowed: "
                + $"{string.Join(", ", scenario.AllParameters.Select(known => known.Name))}");
        if (value < parameter.Min || value > parameter.Max)
            throw new ReplayException($"parameters: {name}: {value} is out of range; allowed: {parameter.Min} to {parameter.Max}");
    }

    private static void CheckOmissions(ScenarioPlan plan, Exclusions without)
    {
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var actor in plan.Actors)
        {
            known.Add(actor.Name);
            for (var i = 0; i < actor.Operations.Count; i++) known.Add(Exclusions.NameOf(actor, i));
        }

        if (without.Names.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
            throw new ReplayException(
                $"without: there is no '{unknown}' in {plan.ScenarioName}; allowed: "
                    + $"an actor ({string.Join(", ", plan.Actors.Select(actor => actor.Name))}) or actor#operation");
    }
}

/// <summary>A replay that was played.</summary>
/// <param name="PlayResult">how it ended</param>
/// <param name="Schedule">what was really run: the same as written for an exact replay that did not diverge</param>
/// <param name="Divergence">where an exact replay could not be followed any more; null when it could to the end</param>
public sealed record Replayed(PlayResult PlayResult, IReadOnlyList<ScheduleRun> Schedule, string? Divergence)
{
    /// <summary>The invariants that it broke, each once, in the order in which they were seen.</summary>
    public IReadOnlyList<string> Violates { get; } = [.. PlayResult.Violations.Select(violation => violation.Invariant).Distinct()];

    public ulong LogHash => PlayResult.Result.LogHash;

    /// <summary>What was run, as a replay that can be followed exactly; everything else is <paramref name="of"/>'s.</summary>
    public Replay ToReplay(Replay of) => of with { Schedule = Schedule, Violates = Violates, LogHash = LogHash };
}
