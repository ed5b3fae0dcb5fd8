namespace Livebed.Driver.Terminal;

/// <summary>One operation so far: its name, how often it was done and could not be started, and its latency.</summary>
public sealed record OperationProgress(string Operation, long Done, long NotStarted, long P99Microseconds);
