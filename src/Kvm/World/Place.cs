using System.Runtime.CompilerServices;

namespace Livebed.Kvm.World;

/// <summary>
/// A name for model state that steps of different operations share. Cells (<see cref="Tracked{T}"/> and its like) are made with a place and
/// tell the footprint when a step reads or writes them. Cells of one place are not told apart, which says too much and never too little.
/// What reads or writes is a cell, and no other code may say so (BannedSymbols.txt).
/// A schedule makes hundreds of places, and most worlds follow none: then a place is one empty reference.
/// </summary>
public readonly struct Place(IWorld? world)
{
    private readonly Mark? _mark = world?.Footprint is { } footprint ? new Mark(footprint) : null;

    internal bool IsFollowed => _mark is not null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Reads() => _mark?.Read();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Writes() => _mark?.Write();

    public void Holds(int change) => _mark?.Hold(change);

    // Calls that are not inlined keep the code small where no footprint is.
    private sealed class Mark(IFootprint footprint)
    {
        private readonly int _number = footprint.NewPlace();

        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Read() => footprint.Read(_number);

        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Write() => footprint.Write(_number);

        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Hold(int change) => footprint.Hold(_number, change);
    }
}
