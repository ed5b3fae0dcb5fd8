namespace Livebed.Kvm.World;

/// <summary>
/// A piece of model state that steps of different operations share: a lock, an SPTE, a list. Every step that reads or writes it reports
/// that in the same step. A forgotten report makes a depth-first search skip too much, so a test swaps steps that claim to be independent
/// and compares the states.
/// </summary>
public readonly struct Place(IWorld? world)
{
    private readonly IFootprint? _footprint = world?.Footprint;
    private readonly int _number = world?.Footprint?.NewPlace() ?? 0;

    public void Reads() => _footprint?.Read(_number);

    public void Writes() => _footprint?.Write(_number);

    public void Holds(int change) => _footprint?.Hold(_number, change);
}
