namespace Livebed.Grains.Contracts;

/// <summary>One line of the history as an actor saw it: an operation began (invoke) or ended (ok, fail, info).</summary>
/// <param name="UnixMicroseconds">wall clock of the silo</param>
/// <param name="Type">invoke, ok, fail or info</param>
/// <param name="Operation">kind, kebab-case</param>
/// <param name="OperationId">the operation</param>
/// <param name="Value">what came of it, a few words</param>
public sealed record HistoryEntry(long UnixMicroseconds, string Type, string Operation, long OperationId, string? Value);
