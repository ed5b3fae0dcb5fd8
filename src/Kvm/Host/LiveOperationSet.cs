using System.Diagnostics;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// The operations that run at one host now. The hang detector asks it whether the holder of a lock still lives. An operation may be inside
/// more than once: a fault that breaks COW is called back by its VM.
/// </summary>
internal sealed class LiveOperationSet
{
    // In no order. An operation that ends usually began late, so the search starts at the end.
    [Untracked("asked by the hang detector and when nothing runs")]
    private readonly List<OperationId> _inside = [];

    /// <summary>Each as often as it is inside.</summary>
    public IReadOnlyCollection<OperationId> Ids => _inside;

    /// <summary>The operation is live until what is returned is disposed.</summary>
    public Visit Enter(Operation op)
    {
        _inside.Add(op.Id);
        return new Visit(this, op.Id);
    }

    /// <exception cref="UnreachableException">The operation is not inside: a defect of the model.</exception>
    public void Leave(OperationId op)
    {
        var index = _inside.LastIndexOf(op);
        if (index < 0) throw new UnreachableException($"{op} leaves a host without being there");
        _inside[index] = _inside[^1];
        _inside.RemoveAt(_inside.Count - 1);
    }

    public readonly struct Visit(LiveOperationSet set, OperationId op) : IDisposable
    {
        public void Dispose() => set.Leave(op);
    }
}
