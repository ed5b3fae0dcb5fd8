using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Locks;

namespace Livebed.Mutation;

/// <summary>A scenario under a protocol, of which schedules are played: random and PCT by turns, or random ones.</summary>
internal sealed class Scene
{
    private readonly SceneSource _scenes;
    private readonly LockOrderGraph _order = new();
    private readonly long _decisions;
    private readonly bool _isRandom;

    public Scene(Scenario scenario, string protocol, bool isRandom = false)
    {
        (Scenario, Protocol, _isRandom) = (scenario, protocol, isRandom);
        _scenes = new SceneSource(scenario, new ScenarioSetup(protocol));
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
            var own = _isRandom ? seed + (ulong)schedule : AlternatingStrategies.SeedOf(seed, schedule);
            var player = _scenes.Of(own).Player;
            var strategy = _isRandom ? new RandomStrategy(own) : AlternatingStrategies.Of(seed, schedule, _decisions);
            var played = player.Play(new VirtualWorld(strategy) { LockOrder = _order });
            if (played.Result.Failure is { } failure) return failure.GetType().Name;
            if (played.Violations.Count == 0 || Scenario.KnownAs(Protocol, played.Violations) is not null) return null;
            return played.Violations[0].Invariant;
        }
        catch (Exception thrown) when (thrown is not OutOfMemoryException)
        {
            return thrown.GetType().Name;
        }
    }
}
