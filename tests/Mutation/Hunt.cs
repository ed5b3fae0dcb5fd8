using System.Reflection;
using System.Text.Json;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Vms;

namespace Livebed.Mutation;

/// <summary>What became of one mutation.</summary>
/// <param name="Key">see <see cref="Mutation.Key"/></param>
/// <param name="KilledBy">an invariant, or what a lane threw; null when it survived</param>
/// <param name="Scenario">scenario and protocol in which it was killed; of a survivor, how many of them reach it</param>
/// <param name="Schedules">that were played</param>
public sealed record Verdict(string Key, string? KilledBy, string Scenario, long Schedules);

/// <summary>
/// The half that runs with the mutated model in place of the sound one, in a process of its own. First every scenario is played without a
/// mutation, which tells what it reaches. Then each mutation is hunted where it is reached: a few schedules of each scene first, since most
/// mutations die at once, and then the rest.
/// </summary>
public sealed class Hunt
{
    private const int FirstSchedules = 60;
    private const int ReachSchedules = 200;

    /// <summary>The correct ones, and first the one in which most mutations are hunted.</summary>
    private static readonly string[] Protocols = ["active-count", "unconditional", "hva-range", "gfn-range", "rwsem-unfair"];

    private readonly FieldInfo _active;
    private readonly bool[] _reached;
    private readonly List<Scene> _scenes = [];

    public Hunt()
    {
        var gate = typeof(Vm).Assembly.GetType(MutatedModel.SwitchName) ??
            throw new InvalidOperationException("the model has no mutations in it");
        _active = gate.GetField("Active")!;
        _reached = (bool[])gate.GetField("Reached")!.GetValue(null)!;
    }

    /// <summary>Hunts the given mutations and writes a line before and after each.</summary>
    public void Run(IReadOnlyList<Mutation> mutations, int schedules, TextWriter output)
    {
        Survey();
        foreach (var mutation in mutations)
        {
            output.WriteLine($"begin {mutation.Key}");
            output.Flush();
            output.WriteLine("end " + JsonSerializer.Serialize(Judge(mutation, schedules)));
            output.Flush();
        }
    }

    private void Survey()
    {
        foreach (var scenario in ScenarioCatalog.All)
        {
            foreach (var protocol in Protocols)
            {
                var scene = new Scene(scenario, protocol);
                Array.Clear(_reached);
                for (var schedule = 0; schedule < ReachSchedules; schedule++) scene.Play(seed: 7, schedule);
                scene.Reached = (bool[])_reached.Clone();
                _scenes.Add(scene);
            }
        }
    }

    private Verdict Judge(Mutation mutation, int schedules)
    {
        var reaching = Worth(mutation);
        var played = 0L;
        _active.SetValue(null, mutation.Id);
        try
        {
            foreach (var (from, to) in new[] { (0, Math.Min(FirstSchedules, schedules)), (FirstSchedules, schedules) })
            {
                foreach (var scene in reaching)
                {
                    for (var schedule = from; schedule < to; schedule++, played++)
                        if (scene.Play(seed: 1, schedule) is { } killer)
                            return new Verdict(mutation.Key, killer, $"{scene.Scenario.Name} {scene.Protocol}", played + 1);
                }
            }
        }
        finally
        {
            _active.SetValue(null, -1);
        }

        return new Verdict(mutation.Key, null, $"{reaching.Count} scenes", played);
    }

    /// <summary>Scenes that reach the mutation: each scenario once, under the first protocol of the catalogue under which it
    /// does.</summary>
    private List<Scene> Worth(Mutation mutation) =>
        [.. _scenes.Where(scene => scene.Reached[mutation.Id]).GroupBy(scene => scene.Scenario)
            .Select(group => group.First())];

    /// <summary>A scenario under a protocol.</summary>
    private sealed class Scene
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
        public bool[] Reached { get; set; } = [];

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
}
