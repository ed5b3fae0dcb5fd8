using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Locks;

namespace Livebed.Mutation;

/// <summary>A scenario under a protocol, of which schedules are played: random and PCT by turns, of which each has a seed of its own, or
/// random and PCT from the same seeds on, as two calls of `livebed explore` play them.</summary>
internal sealed class Scene
{
    private readonly SceneSource _scenes;
    private readonly LockOrderGraph _order = new();
    private readonly long _decisions;
    private readonly ExpectedDecisions? _expected;

    public Scene(Scenario scenario, string protocol, bool asExplore = false)
    {
        (Scenario, Protocol) = (scenario, protocol);
        var setup = new ScenarioSetup(protocol);
        _scenes = new SceneSource(scenario, setup);
        _expected = asExplore ? new ExpectedDecisions(scenario, setup, _order) : null;
        var first = _scenes.Of(seed: 0).Player.Play(new VirtualWorld(new RandomStrategy(0)) { LockOrder = _order });
        _decisions = Math.Max(1, first.Result.Steps);
    }

    public Scenario Scenario { get; }
    public string Protocol { get; }
    public string Name => $"{Scenario.Name} {Protocol}";

    /// <returns>what the schedule broke; null for nothing</returns>
    public string? Play(ulong seed, long schedule)
    {
        try
        {
            var own = _expected is null ? AlternatingStrategies.SeedOf(seed, schedule) : seed + (ulong)schedule / 2;
            var scene = _scenes.Of(own);
            var strategy = _expected is null ? AlternatingStrategies.Of(seed, schedule, _decisions) : Explored(scene, own, schedule);
            var played = scene.Player.Play(new VirtualWorld(strategy) { LockOrder = _order });
            if (played.Result.Failure is { } failure) return failure.GetType().Name;
            if (played.Violations.Count == 0 || Scenario.KnownAs(Protocol, played.Violations) is not null) return null;
            return played.Violations[0].Invariant;
        }
        catch (Exception thrown) when (thrown is not OutOfMemoryException)
        {
            return thrown.GetType().Name;
        }
    }

    private ISchedulingStrategy Explored(Explorer.Searching.Scene scene, ulong seed, long schedule) => schedule % 2 == 0
        ? new RandomStrategy(seed)
        : new PctStrategy(seed, PctStrategy.DefaultDepth, _expected!.Of(scene.Plan));
}
