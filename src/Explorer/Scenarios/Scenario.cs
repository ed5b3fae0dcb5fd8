using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// A small scene in which something could go wrong: a few actors with a few operations each, over a few pages, whose interleavings are searched. A
/// scenario is data: it lays out a <see cref="ScenarioPlan"/>, from which a shrinker can leave actors and operations out.
/// </summary>
public abstract class Scenario
{
    /// <summary>Its name on the command line, kebab-case.</summary>
    public abstract string Name { get; }

    /// <summary>What must hold in every interleaving, in a sentence.</summary>
    public abstract string Claim { get; }

    /// <summary>What can be set, each with its bounds.</summary>
    public virtual IReadOnlyList<ScenarioParameter> Parameters => [];

    /// <summary>Where the claim is known not to hold, and that is the finding.</summary>
    public virtual IReadOnlyList<KnownOutcome> Known => [];

    /// <summary>Whether the plan itself is drawn from the schedule's seed (swarm), or the same for every schedule.</summary>
    public virtual bool IsDrawnFromSeed => false;

    /// <summary>What is to be made as large as possible over all schedules, and in which unit; null when nothing is.</summary>
    public virtual Objective? Objective => null;

    /// <summary>What is known about a schedule that broke just these; null when it is news.</summary>
    public KnownOutcome? KnownAs(string protocol, IReadOnlyList<Violation> violations) => violations.Count == 0 ? null : Known.FirstOrDefault(
        known => known.Protocol == protocol && violations.All(violation => known.Invariants.Contains(violation.Invariant)));

    /// <summary>Lays out the actors and what they do.</summary>
    public abstract void LayOut(ScenarioPlan plan);
}
