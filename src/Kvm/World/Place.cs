namespace Livebed.Kvm.World;

/// <summary>
/// A piece of model state that steps of different operations share: a lock, an SPTE, a list. Whoever reads or writes it says so, in the
/// step in which it does. What is forgotten here makes a depth-first search leave out too much, so a test swaps steps that are said to be
/// independent and looks whether the state is the same.
/// </summary>
public readonly struct Place(IWorld? world)
{
    private readonly IFootprint? _footprint = world?.Footprint;
    private readonly int _number = world?.Footprint?.NewPlace() ?? 0;

    public void Reads() => _footprint?.Read(_number);

    public void Writes() => _footprint?.Write(_number);

    public void Holds(int change) => _footprint?.Hold(_number, change);
}
