namespace Livebed.Explorer.Scenarios;

/// <summary>What is left out of a plan: actors by name ("mm"), operations by their number in the actor ("mm#2", from 0 on).</summary>
public sealed record Omissions(IReadOnlySet<string> Names)
{
    public static readonly Omissions None = new(new SortedSet<string>(StringComparer.Ordinal));

    public bool Has(ActorPlan actor) => Names.Contains(actor.Name);

    public bool Has(ActorPlan actor, int operation) => Names.Count > 0 && Names.Contains(NameOf(actor, operation));

    public Omissions With(string name) => new(new SortedSet<string>(Names, StringComparer.Ordinal) { name });

    public static string NameOf(ActorPlan actor, int operation) => $"{actor.Name}#{operation}";
}
