namespace Livebed.Driver.Terminal;

/// <summary>Something that was found, in a line, and its witness.</summary>
public sealed record RunFinding(string Text, IReadOnlyList<string> Witness);
