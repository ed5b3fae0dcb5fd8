using System.Numerics;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>
/// What each step reads and writes, and from that what two schedules have in common: two steps of which neither writes what the other
/// touches can change places (partial-order reduction). <see cref="State"/> is a hash of the happens-before order so far: schedules that
/// are equal but for the order of independent steps have the same, and have led to the same state (happens-before caching: Musuvathi and
/// Qadeer, PLDI 2007).
/// </summary>
public sealed class Footprints : IFootprint
{
    /// <summary>Places with a bit of their own; the rest share the others.</summary>
    private const int OwnBits = 120;
    private const int SharedBits = 8;
    private const int Bits = OwnBits + SharedBits;

    private readonly ulong[] _written = new ulong[Bits];
    private readonly ulong[] _readSince = new ulong[Bits];
    private readonly List<(int Place, int Change)> _holds = [];
    private ulong[] _lanes = new ulong[16];
    private int[] _made = new int[16];
    private int _madeBefore;
    private int _places;
    private UInt128 _reads;
    private UInt128 _writes;
    private ulong _causeMix;
    private int _lane = -1;

    /// <summary>A hash of the happens-before order of all steps that have ended.</summary>
    public ulong State { get; private set; }

    /// <summary>Places that the last step read, a bit each.</summary>
    public UInt128 LastReads { get; private set; }

    /// <summary>Places that it wrote.</summary>
    public UInt128 LastWrites { get; private set; }

    /// <summary>The lane that made it, -1 before the first.</summary>
    public int LastLane { get; private set; } = -1;

    /// <summary>Beyond the places that have a bit of their own, by the lane that makes it: then the order of two steps that both make
    /// places does not say with which others they share a bit.</summary>
    public int NewPlace() => _places < OwnBits ? _places++ : OwnBits + SharedBit();

    public void Read(int place) => _reads |= Mask(place);

    public void Write(int place) => _writes |= Mask(place);

    public void Hold(int place, int change)
    {
        _reads |= Mask(place);
        for (var i = 0; i < _holds.Count; i++)
        {
            if (_holds[i].Place != place) continue;
            _holds[i] = (place, _holds[i].Change + change);
            return;
        }

        _holds.Add((place, change));
    }

    /// <summary>The step is to change places with no other.</summary>
    public void WriteEverything() => _writes = UInt128.MaxValue;

    internal void StepBegins(Lane lane, StepCause cause)
    {
        _lane = lane.Id;
        _causeMix = SeededRandom.Mix(((ulong)cause << 32) ^ (uint)lane.Id ^ 0x9E3779B97F4A7C15UL);
        (_reads, _writes) = (0, 0);
        _holds.Clear();
    }

    /// <returns>false when no step was under way</returns>
    internal bool StepEnded()
    {
        if (_lane < 0) return false;
        foreach (var (place, change) in _holds)
            if (change != 0) _writes |= Mask(place);
        if (_lane >= _lanes.Length) Array.Resize(ref _lanes, 2 * _lane);
        ref var lane = ref _lanes[_lane];
        State -= Salted(_lane, lane);
        lane = HistoryAfter(lane);
        State += Salted(_lane, lane);
        Publish(lane);
        (LastReads, LastWrites, LastLane) = (_reads, _writes, _lane);
        _lane = -1;
        return true;
    }

    /// <summary>A lane's history tells the versions of all that it ever saw, so places need not be part of the state's hash.</summary>
    private ulong HistoryAfter(ulong history)
    {
        history = SeededRandom.Mix(history + _causeMix);
        foreach (var place in Set(_reads | _writes)) history = SeededRandom.Mix(history ^ _written[place] ^ ((ulong)place << 56));
        foreach (var place in Set(_writes)) history = SeededRandom.Mix(history ^ _readSince[place] ^ ((ulong)place << 48));
        return history;
    }

    private void Publish(ulong history)
    {
        var read = SeededRandom.Mix(history ^ 0x5245_4144UL);
        foreach (var place in Set(_reads & ~_writes)) _readSince[place] += read;
        foreach (var place in Set(_writes)) (_written[place], _readSince[place]) = (history, 0);
    }

    private static ulong Salted(int lane, ulong history) =>
        history == 0 ? 0 : SeededRandom.Mix(history + (ulong)(lane + 1) * 0xD6E8FEB86659FD93UL);

    private int SharedBit()
    {
        if (_lane < 0) return (int)(SeededRandom.Mix((ulong)_madeBefore++) % SharedBits);
        if (_lane >= _made.Length) Array.Resize(ref _made, 2 * _lane);
        return (int)(SeededRandom.Mix(((ulong)(_lane + 1) << 32) + (uint)_made[_lane]++) % SharedBits);
    }

    private static UInt128 Mask(int place) => UInt128.One << place;

    private static BitEnumerator Set(UInt128 bits) => new(bits);

    private ref struct BitEnumerator(UInt128 bits)
    {
        private ulong _low = (ulong)bits;
        private ulong _high = (ulong)(bits >> 64);

        public int Current { get; private set; }

        public readonly BitEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_low != 0)
            {
                Current = BitOperations.TrailingZeroCount(_low);
                _low &= _low - 1;
                return true;
            }

            if (_high == 0) return false;
            Current = 64 + BitOperations.TrailingZeroCount(_high);
            _high &= _high - 1;
            return true;
        }
    }
}
