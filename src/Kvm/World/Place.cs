namespace Livebed.Kvm.World;

/// <summary>
/// A name for model state that steps of different operations share. Cells (<see cref="Tracked{T}"/> and its like) are made with a place and
/// tell the footprint when a step reads or writes them. Cells of one place are not told apart, which says too much and never too little.
/// A place is only a number: what reads or writes is a cell, and no other code may say so (BannedSymbols.txt).
/// </summary>
public readonly struct Place(IWorld? world)
{
    private readonly IFootprint? _footprint = world?.Footprint;
    private readonly int _number = world?.Footprint?.NewPlace() ?? 0;

    internal bool IsFollowed => _footprint is not null;

    internal void Reads() => _footprint?.Read(_number);

    internal void Writes() => _footprint?.Write(_number);

    public void Holds(int change) => _footprint?.Hold(_number, change);
}
