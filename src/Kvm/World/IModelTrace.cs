using Livebed.Kvm.Locks;

namespace Livebed.Kvm.World;

/// <summary>
/// What a witness is made of: every lock operation and what was done to page tables, memslots and logs, in the order in which it happened. Asked
/// for only when a schedule is shown; callers test for null first, so that nothing is formatted otherwise.
/// </summary>
public interface IModelTrace
{
    void Lock(Operation op, LockStep step, LockClass lockClass, string instance, LockMode mode);

    /// <summary>Something happened, in a few words: "zaps gfn [0x0, 0x2)". Without an operation it is of whoever runs now.</summary>
    void Note(Operation? op, string text);
}
