using System.Runtime.InteropServices;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// The operations that run at one host now. The hang detector asks it whether the holder of a lock still lives. An operation may be inside
/// more than once: a fault that breaks COW is called back by its VM.
/// </summary>
internal sealed class LiveOperationSet
{
    private readonly Dictionary<OperationId, int> _entered = [];

    public IReadOnlyCollection<OperationId> Ids => _entered.Keys;

    public int Count => _entered.Count;

    /// <summary>The operation is live until what is returned is disposed.</summary>
    public Visit Enter(Operation op)
    {
        CollectionsMarshal.GetValueRefOrAddDefault(_entered, op.Id, out _)++;
        return new Visit(this, op.Id);
    }

    public void Leave(OperationId op)
    {
        var left = _entered[op] - 1;
        if (left == 0) _entered.Remove(op);
        else _entered[op] = left;
    }

    public readonly struct Visit(LiveOperationSet set, OperationId op) : IDisposable
    {
        public void Dispose() => set.Leave(op);
    }
}
