namespace Livebed.Kvm.World;

/// <summary>
/// Records what each step reads and writes, for the explorer's depth-first search. The search skips schedules that differ only in the order
/// of independent steps. Null everywhere else.
/// </summary>
public interface IFootprint
{
    /// <summary>A number for a piece of state.</summary>
    int NewPlace();

    void Read(int place);

    void Write(int place);

    /// <summary>A lock was taken (+1) or released (-1). A lock that is taken and released in one step counts as read only, because no other
    /// operation saw it held.</summary>
    void Hold(int place, int change);
}
