using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>
/// Which objects each step entered, and from that what two schedules have in common. Model state belongs to objects (a host, a VM, a vCPU) and is
/// touched only by code that runs inside of them, so two steps that entered no common object can change places (partial-order reduction). Every
/// crossing is a port, and the bed's ports tell it. <see cref="State"/> is a hash of the happens-before order so far: schedules that are equal but
/// for the order of independent steps have the same, and have led to the same state (happens-before caching: Musuvathi and Qadeer, PLDI 2007).
/// </summary>
public sealed class Footprints
{
    /// <summary>Objects that can be told apart.</summary>
    public const int PlacesMax = 62;

    /// <summary>The place of code that may touch any object.</summary>
    public const int Everywhere = -1;

    private readonly ulong[] _versions = new ulong[PlacesMax];
    private ulong[] _lanes = new ulong[16];
    private ulong _touched;
    private ulong _causeMix;
    private int _lane = -1;

    /// <summary>A hash of the happens-before order of all steps that have ended.</summary>
    public ulong State { get; private set; }

    /// <summary>Objects that the step before entered, a bit each.</summary>
    public ulong LastStep { get; private set; }

    /// <summary>The lane that made it.</summary>
    public int LastLane { get; private set; } = -1;

    internal void Touch(int place) => _touched |= Mask(place);

    internal void StepBegins(Lane lane, StepCause cause)
    {
        _lane = lane.Id;
        _causeMix = SeededRandom.Mix(((ulong)cause << 32) ^ (uint)lane.Id ^ 0x9E3779B97F4A7C15UL);
        _touched = Mask(lane.Place);
    }

    internal void StepEnded()
    {
        if (_lane < 0) return;
        if (_lane >= _lanes.Length) Array.Resize(ref _lanes, 2 * _lane);
        var history = SeededRandom.Mix(_lanes[_lane] + _causeMix);
        for (var left = _touched; left != 0; left &= left - 1)
            history = SeededRandom.Mix(history ^ _versions[System.Numerics.BitOperations.TrailingZeroCount(left)]);
        State += Salted(_lane, history) - Salted(_lane, _lanes[_lane]);
        _lanes[_lane] = history;
        for (var left = _touched; left != 0; left &= left - 1)
            _versions[System.Numerics.BitOperations.TrailingZeroCount(left)] = history;
        (LastStep, LastLane) = (_touched, _lane);
        _lane = -1;
    }

    /// <summary>A lane's history alone tells the versions that it saw, so the objects' need not be added.</summary>
    private static ulong Salted(int lane, ulong history) => history == 0 ? 0 : SeededRandom.Mix(history + (ulong)(lane + 1) * 0xD6E8FEB86659FD93UL);

    private static ulong Mask(int place) => place < 0 ? (1UL << PlacesMax) - 1 : 1UL << place;
}
