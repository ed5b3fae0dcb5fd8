using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;

namespace Livebed.Kvm.World;

/// <summary>Observes nothing, except that a violation is remembered; a base for observers that care for one thing.</summary>
public class NullObserver : IModelObserver
{
    private readonly List<Violation> _violations = [];

    public IReadOnlyList<Violation> Violations => _violations;

    public virtual void Violated(Violation violation) => _violations.Add(violation);
    public virtual IDisposable? Phase(Operation op, string name) => null;
    public virtual void LockWaited(in LockWait wait) { }
    public virtual void GuestRuns(string vm, string host, long epoch, bool runs) { }
    public virtual void FaultResolved(OperationId op, int retries, long microseconds) { }
    public virtual void TurnWaited(long microseconds) { }
}
