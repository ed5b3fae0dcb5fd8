using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host.Streams;

/// <summary>A test world whose timers come late by up to so much, as those of a machine do.</summary>
internal sealed class LateWorld(TestWorld world, ulong seed, int lateMicrosecondsMax) : IWorld
{
    private readonly SeededRandom _random = new(seed);

    public long NowMicroseconds => world.NowMicroseconds;
    public IModelObserver Observer => world.Observer;

    public ValueTask PointAsync(SchedulingPoint point) => world.PointAsync(point);

    public ValueTask DelayAsync(long microseconds) => world.DelayAsync(microseconds == 0 ? 0 : microseconds + _random.Next(lateMicrosecondsMax + 1));

    public void Start(string name, Func<ValueTask> body) => world.Start(name, body);
}
