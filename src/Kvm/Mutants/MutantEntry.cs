namespace Livebed.Kvm.Mutants;

/// <summary>One mutant: its command-line name, its story in a line, its reference, the invariants that may catch it, and a campaign
/// (the name of a file in campaigns/) in which one of them does.</summary>
public sealed record MutantEntry(
    Mutant Id, string Name, string Story, string Reference, IReadOnlyList<string> CaughtBy, string Campaign);
