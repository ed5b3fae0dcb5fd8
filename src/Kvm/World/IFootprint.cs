namespace Livebed.Kvm.World;

/// <summary>
/// Who wants to know what each step reads and writes: the explorer's depth-first search, which leaves out schedules that differ from one
/// another only in the order of steps that do not depend on each other. Null everywhere else.
/// </summary>
public interface IFootprint
{
    /// <summary>A number for a piece of state.</summary>
    int NewPlace();

    void Read(int place);

    void Write(int place);

    /// <summary>A lock was taken (+1) or given back (-1); taken and given back in one step nobody else saw it held, so that is no more than
    /// a read.</summary>
    void Hold(int place, int change);
}
