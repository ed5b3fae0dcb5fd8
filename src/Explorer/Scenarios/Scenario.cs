using Livebed.Kvm.Checks;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// A small scene in which something could go wrong: a few actors with a few operations each, over a few pages. The explorer searches their
/// interleavings. A scenario is data: it lays out a <see cref="ScenarioPlan"/>, from which a shrinker can leave actors and operations out.
/// </summary>
public abstract class Scenario
{
    /// <summary>Its name on the command line, kebab-case.</summary>
    public abstract string Name { get; }

    /// <summary>What must hold in every interleaving, in a sentence.</summary>
    public abstract string Claim { get; }

    /// <summary>What can be set, each with its bounds.</summary>
    public virtual IReadOnlyList<ScenarioParameter> Parameters => [];

    /// <summary>Whether it can be varied by its <see cref="Scenarios.Surroundings"/>; a scene that must stay small says no.</summary>
    public virtual bool HasSurroundings => true;

    /// <summary>Its own parameters, and those of its surroundings.</summary>
    public IReadOnlyList<ScenarioParameter> AllParameters =>
        field ??= HasSurroundings ? [.. Parameters, .. Surroundings.Parameters] : Parameters;

    /// <summary>Those that the seed of a schedule draws while they have their defaults.</summary>
    internal ScenarioParameter[] DrawnParameters => field ??= [.. Parameters.Where(parameter => parameter.Drawn is not null)];

    /// <summary>Where the claim is known not to hold, and that is the finding.</summary>
    public virtual IReadOnlyList<KnownOutcome> Known => [];

    /// <summary>Whether the plan itself is drawn from the schedule's seed (swarm), or the same for every schedule.</summary>
    public virtual bool IsDrawnFromSeed => false;

    /// <summary>What is to be made as large as possible over all schedules, and in which unit; null when nothing is.</summary>
    public virtual Objective? Objective => null;

    /// <summary>The cases that the scenario exists for: a search that met one of them in no schedule proves nothing about the
    /// claim.</summary>
    public virtual IReadOnlyList<ReachedCase> Needs => [];

    /// <summary>What is known about a schedule that broke just these; null when it is news.</summary>
    public KnownOutcome? KnownAs(string protocol, IReadOnlyList<Violation> violations) =>
        violations.Count == 0 ? null : Known.FirstOrDefault(
        known => known.Protocol == protocol && violations.All(violation => known.Invariants.Contains(violation.Invariant)));

    /// <summary>Lays out the actors and what they do.</summary>
    public abstract void LayOut(ScenarioPlan plan);
}

/// <summary>A protocol under which a scenario's claim is known to fail, by which invariants, and why; found, it is expected, and labelled
/// so.</summary>
public sealed record KnownOutcome(string Protocol, IReadOnlyList<string> Invariants, string Why);

/// <summary>A figure of a schedule that a search makes as large as it can: the worst case.</summary>
/// <param name="Title">what it is, for a person: "longest wait of a memslot update"</param>
/// <param name="Unit">"notifications"</param>
/// <param name="Measure">reads it when the schedule has ended</param>
public sealed record Objective(string Title, string Unit, Func<Stage, long> Measure);

/// <summary>A number that a scenario can be varied by.</summary>
/// <param name="Name">kebab-case, for `--set name=value`</param>
/// <param name="Summary">what it counts</param>
/// <param name="Default">when it is not set</param>
/// <param name="Min">smallest value allowed</param>
/// <param name="Max">largest value allowed</param>
public sealed record ScenarioParameter(string Name, string Summary, int Default, int Min, int Max)
{
    /// <summary>What the seed of the schedule draws while the parameter has its default; null for one that is never drawn.</summary>
    public ParameterDraw? Drawn { get; init; }
}

/// <summary>The values that a seed draws from, each as often as the others. They are drawn apart from all else, so that the scene of a seed
/// is otherwise the same if the parameter is set.</summary>
/// <param name="Plain">that of seed 0, the plain scene</param>
/// <param name="Min">smallest value</param>
/// <param name="Max">largest value</param>
/// <param name="Salt">another one for each parameter</param>
public sealed record ParameterDraw(int Plain, int Min, int Max, ulong Salt)
{
    internal int Of(ulong seed) => seed == 0 ? Plain : Min + new SeededRandom(SeededRandom.Mix(seed ^ Salt)).Next(1 + Max - Min);
}

/// <summary>What a scenario is run with: a protocol (a preset, or one that <paramref name="CustomProtocol"/> makes), a mutant, and
/// parameters by name; those left out have their defaults.</summary>
public sealed record ScenarioSetup(
    string Protocol, Mutant? Mutant = null, Func<ProtocolContext, IInvalidationProtocol>? CustomProtocol = null)
{
    /// <summary>Where the custom protocol comes from, for replays.</summary>
    public string? ProtocolAssembly { get; init; }

    public IReadOnlyDictionary<string, int> Parameters { get; init; } = new Dictionary<string, int>();
}
