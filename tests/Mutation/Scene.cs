using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Locks;

namespace Livebed.Mutation;

/// <summary>A scenario under a protocol, of which schedules are played: random and PCT by turns.</summary>
internal sealed class Scene
{
    private readonly ScenarioSetup _setup;
    private readonly LockOrderGraph _order = new();
    private readonly long _decisions;
    private PlanPlayer _player;

    public Scene(Scenario scenario, string protocol)
    {
        (Scenario, Protocol, _setup) = (scenario, protocol, new ScenarioSetup(protocol));
        _player = PlayerOf(seed: 0);
        _decisions = Math.Max(1, _player.Play(new VirtualWorld(new RandomStrategy(0)) { LockOrder = _order }).Result.Steps);
    }

    public Scenario Scenario { get; }
    public string Protocol { get; }
    public string Name => $"{Scenario.Name} {Protocol}";

    /// <returns>what the schedule broke; null for nothing</returns>
    public string? Play(ulong seed, long schedule)
    {
        try
        {
            if (Scenario.IsDrawnFromSeed) _player = PlayerOf(AlternatingStrategies.SeedOf(seed, schedule));
            var strategy = AlternatingStrategies.Of(seed, schedule, _decisions);
            var played = _player.Play(new VirtualWorld(strategy) { LockOrder = _order });
            if (played.Result.Failure is { } failure) return failure.GetType().Name;
            if (played.Violations.Count == 0 || Scenario.KnownAs(Protocol, played.Violations) is not null) return null;
            return played.Violations[0].Invariant;
        }
        catch (Exception thrown) when (thrown is not OutOfMemoryException)
        {
            return thrown.GetType().Name;
        }
    }

    private PlanPlayer PlayerOf(ulong seed) => new(new ScenarioPlan(Scenario, _setup, seed), Exclusions.None);
}
