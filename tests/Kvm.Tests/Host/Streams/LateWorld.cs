using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host.Streams;

/// <summary>A test world like a busy machine: timers are late by up to a bound, and time passes during work, so that two reads of the clock
/// differ.</summary>
internal sealed class LateWorld(TestWorld world, ulong seed, int lateMicrosecondsMax) : IWorld
{
    private const int WorkMicrosecondsMax = 300;
    private const double WorkShare = 0.2;

    private readonly SeededRandom _random = new(seed);
    private long _worked;

    public long NowMicroseconds => world.NowMicroseconds + (_worked += _random.Chance(WorkShare) ? _random.Next(WorkMicrosecondsMax) : 0);

    public IModelObserver Observer => world.Observer;

    public ValueTask PointAsync(SchedulingPoint point) => world.PointAsync(point);

    public ValueTask DelayAsync(long microseconds)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(microseconds);
        return world.DelayAsync(microseconds == 0 ? 0 : microseconds + _random.Next(lateMicrosecondsMax + 1));
    }

    public void Start(string name, Func<ValueTask> body) => world.Start(name, body);
}
