using Livebed.Explorer.Beds;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// The plan of a scenario: the bed's options, the set-up before any lane runs, the actors, and the checks at the end. It is made once and
/// run many times; nothing in it changes while it runs.
/// </summary>
public sealed class ScenarioPlan
{
    private readonly Scenario _scenario;
    private readonly IReadOnlyDictionary<string, int> _parameters;
    private readonly List<ActorPlan> _actors = [];
    private readonly List<Func<Stage, ValueTask>> _before = [];
    private readonly List<Func<Stage, ValueTask>> _after = [];

    /// <param name="scenario">the scenario of the plan</param>
    /// <param name="setup">protocol, mutant and parameters</param>
    /// <param name="seed">of the schedule: surroundings are drawn from it, and the scene if it is drawn from its seed</param>
    public ScenarioPlan(Scenario scenario, ScenarioSetup setup, ulong seed)
    {
        _scenario = scenario;
        _parameters = setup.Parameters;
        Seed = seed;
        Random = new SeededRandom(SeededRandom.Mix(seed ^ 0x706C616EUL));
        Options = new BedOptions(setup.Protocol)
        {
            Mutant = setup.Mutant,
            CustomProtocol = setup.CustomProtocol,
            BatchAccesses = ScriptedGuest.AccessesAtATime,
            RamPages = 2,
            RamSlots = 1,
            HotplugPages = 2,
            Frames = 16,
            SptesPerTable = 2,
            HasPrivateSlots = false,
        };
        Surroundings = Surroundings.Of(setup.Parameters, seed);
        scenario.LayOut(this);
        if (scenario.HasSurroundings) Surroundings.Surround(this);
        Options = Options with { Vcpus = _actors.Count(actor => actor.IsVcpu) };
    }

    public string ScenarioName => _scenario.Name;
    public BedOptions Options { get; set; }
    public ulong Seed { get; }

    /// <summary>Chance of a scenario that is drawn from its seed.</summary>
    public SeededRandom Random { get; }

    public IReadOnlyList<ActorPlan> Actors => _actors;

    /// <summary>Operations of all actors together.</summary>
    public int Operations => _actors.Sum(actor => actor.Operations.Count);

    /// <summary>Whether the VM is still there when all actors are done, to be looked at; a scenario of teardown says no.</summary>
    public bool VmSurvives { get; set; } = true;

    /// <summary>Most steps that a schedule may have; a schedule that needs more is a livelock.</summary>
    public long StepsMax { get; set; } = 20_000;

    internal IReadOnlyList<Func<Stage, ValueTask>> BeforeSteps => _before;
    internal IReadOnlyList<Func<Stage, ValueTask>> AfterSteps => _after;

    /// <summary>What is around the scene.</summary>
    internal Surroundings Surroundings { get; }

    public int Parameter(string name) => ValueOf(_scenario.Parameters.First(parameter => parameter.Name == name), _parameters, Seed);

    /// <summary>The values of <see cref="Drawn"/> as one number, which is another for each choice of them; 0 where nothing is drawn. It is
    /// made for every schedule, so it allocates nothing.</summary>
    internal static long DrawnKey(Scenario scenario, ScenarioSetup setup, ulong seed)
    {
        var key = 0L;
        foreach (var parameter in scenario.DrawnParameters)
            key = checked((key * (1L + parameter.Max - parameter.Min)) + ValueOf(parameter, setup.Parameters, seed) - parameter.Min);
        return key;
    }

    /// <summary>The parameters of a scenario whose values its seed draws, with those that it drew, or that are set.</summary>
    internal static Dictionary<string, int> Drawn(Scenario scenario, ScenarioSetup setup, ulong seed) =>
        scenario.DrawnParameters.ToDictionary(parameter => parameter.Name, parameter => ValueOf(parameter, setup.Parameters, seed));

    /// <summary>Every parameter with its value, also those that were drawn: with them and the seed the plan is made again.</summary>
    internal Dictionary<string, int> AllParameters() => _scenario.AllParameters.ToDictionary(
        parameter => parameter.Name,
        parameter => Surroundings.Parameters.Contains(parameter) ? Surroundings.ValueOf(parameter.Name) : Parameter(parameter.Name));

    /// <summary>The next vCPU; its operations are accesses of its guest.</summary>
    public ActorPlan Vcpu()
    {
        var index = _actors.Count(actor => actor.IsVcpu);
        return Add(new ActorPlan($"vcpu-{index}", index));
    }

    /// <summary>A task of the host or of user space; names must differ.</summary>
    public ActorPlan Actor(string name) => Add(new ActorPlan(name, vcpu: -1));

    /// <summary>Done before any actor runs, as one step.</summary>
    public void Before(Func<Stage, ValueTask> step) => _before.Add(step);

    /// <summary>Done when all actors are done, as one step.</summary>
    public void After(Func<Stage, ValueTask> step) => _after.Add(step);

    private static int ValueOf(ScenarioParameter parameter, IReadOnlyDictionary<string, int> set, ulong seed)
    {
        var value = set.GetValueOrDefault(parameter.Name, parameter.Default);
        return parameter.Drawn is { } drawn && value == parameter.Default ? drawn.Of(seed) : value;
    }

    private ActorPlan Add(ActorPlan actor)
    {
        if (_actors.Exists(other => other.Name == actor.Name))
            throw new ArgumentException($"two actors are named {actor.Name}", nameof(actor));
        _actors.Add(actor);
        return actor;
    }
}
