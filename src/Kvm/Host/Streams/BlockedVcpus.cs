using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// Adds up how long vCPUs are blocked on missing pages (<c>mark_postcopy_blocktime_begin</c>, <c>mark_postcopy_blocktime_end</c>,
/// migration/postcopy-ram.c). A vCPU has one fault at a time, so it waits for one page at a time. Waiters that are not vCPUs are not
/// counted. This is part of the state of the queue in which they wait.
/// </summary>
/// <param name="count">vCPUs of the guest</param>
[CellContent]
internal sealed class BlockedVcpus(int count)
{
    private const long NotBlocked = -1;

    private readonly long[] _since = [.. Enumerable.Repeat(NotBlocked, count)];
    private readonly long[] _sum = new long[count];
    private int _blocked;
    private long _allSince;
    private long _all;

    public PostcopyBlocktime Blocktime => new(_all, [.. _sum]);

    public void Block(Operation op, long now)
    {
        if (!IsVcpu(op, out var vcpu) || _since[vcpu] != NotBlocked) return;
        _since[vcpu] = now;
        if (++_blocked == count) _allSince = now;
    }

    public void Wake(Operation op, long now)
    {
        if (!IsVcpu(op, out var vcpu) || _since[vcpu] == NotBlocked) return;
        _sum[vcpu] += now - _since[vcpu];
        _since[vcpu] = NotBlocked;
        if (_blocked-- == count) _all += now - _allSince;
    }

    private bool IsVcpu(Operation op, out int vcpu)
    {
        vcpu = op.Id.Vcpu;
        return op.Kind == OperationKind.Fault && vcpu >= 0 && vcpu < count;
    }
}
