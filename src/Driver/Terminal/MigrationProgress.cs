namespace Livebed.Driver.Terminal;

/// <summary>A migration under way: which VM, from where to where, its status, rounds sent, and bytes that are left.</summary>
public sealed record MigrationProgress(string Vm, string Source, string Destination, string Status, int Rounds, long RemainingBytes, int CpuThrottlePercentage);
