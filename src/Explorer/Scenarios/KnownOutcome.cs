namespace Livebed.Explorer.Scenarios;

/// <summary>A protocol under which a scenario's claim is known to fail, by which invariants, and why; found, it is expected, and labelled so.</summary>
public sealed record KnownOutcome(string Protocol, IReadOnlyList<string> Invariants, string Why);
