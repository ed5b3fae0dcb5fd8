using System.Diagnostics;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// What one actor has seen of the faults under way: their lock waits, why they began again, and how long their slow calls took. A vCPU has
/// one fault at a time, so there is one record for each, made when there is something to write into it. Confined to its actor.
/// </summary>
internal sealed class FaultBook
{
    /// <summary>vCPUs that an actor remembers; beyond that it begins afresh.</summary>
    private const int RecordsMax = 4_096;

    /// <summary>Causes and lock waits of one fault that are remembered, the newest.</summary>
    private const int LinksMax = 4;

    private readonly Dictionary<int, FaultRecord> _records = [];

    public void Waited(OperationId fault, long microseconds) => RecordOf(fault).LockWaitMicroseconds += microseconds;

    public void WaitHasSpan(OperationId fault, ActivityContext wait) => Push(RecordOf(fault).Waits, wait);

    public void Served(OperationId fault, long microseconds) => RecordOf(fault).ServedMicroseconds += microseconds;

    public void Retried(OperationId fault, RetryReason reason, Invalidation? cause)
    {
        var record = RecordOf(fault);
        record.Reason = reason;
        if (cause is not null && !record.Causes.Contains(cause)) Push(record.Causes, cause);
    }

    /// <summary>What was written of the fault; null if nothing was.</summary>
    public FaultRecord? Take(OperationId fault) =>
        _records.Remove(fault.Origin, out var record) && record.Fault == fault ? record : null;

    private FaultRecord RecordOf(OperationId fault)
    {
        if (_records.TryGetValue(fault.Origin, out var record) && record.Fault == fault) return record;
        if (_records.Count >= RecordsMax) _records.Clear();
        return _records[fault.Origin] = new FaultRecord(fault);
    }

    private static void Push<T>(List<T> list, T item)
    {
        if (list.Count == LinksMax) list.RemoveAt(0);
        list.Add(item);
    }
}

/// <summary>One fault as one actor saw it.</summary>
internal sealed class FaultRecord(OperationId fault)
{
    public OperationId Fault { get; } = fault;
    public long LockWaitMicroseconds { get; set; }
    public long ServedMicroseconds { get; set; }
    public RetryReason? Reason { get; set; }
    public List<Invalidation> Causes { get; } = [];
    public List<ActivityContext> Waits { get; } = [];
}
