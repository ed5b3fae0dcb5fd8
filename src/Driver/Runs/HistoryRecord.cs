using Livebed.Kvm.World;

namespace Livebed.Driver.Runs;

/// <summary>
/// One event of one operation: when (microseconds since the run began), on which silo, by which actor, and an optional value (the range,
/// the slot, the pages reported, the error).
/// </summary>
public readonly record struct HistoryRecord(
    long Time, string Silo, string Process, HistoryType Type, OperationKind Kind, OperationId Op, string? Value = null);
