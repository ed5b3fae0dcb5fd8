using Livebed.Grains.Actors;
using Livebed.Grains.Placement;
using Livebed.Kvm.World;
using Orleans.Concurrency;

namespace Livebed.Grains.Tests.Hosting;

[LivebedPlacement, Reentrant]
public sealed class PlaceGrain(ILocalSiloDetails silo) : Grain, IPlaceGrain
{
    public const string Failure = "this call fails";

    public Task<string> WhereAsync() => Task.FromResult(silo.Name);

    public async Task<string> RelayAsync(string[] keys)
    {
        if (keys.Length == 0) return silo.Name;
        return $"{silo.Name} {await GrainFactory.GetGrain<IPlaceGrain>(keys[0]).RelayAsync(keys[1..])}";
    }

    public Task FailAsync() => throw new NotSupportedException(Failure);

    public Task HangAsync() => new TaskCompletionSource().Task;

    public async Task<YieldReport> YieldWhileQueuedAsync()
    {
        var waits = new WaitRecorder();
        var world = new ClusterWorld(waits, TimeProvider.System, turnMicroseconds: 0);
        var scheduler = TaskScheduler.Current;
        var otherRan = false;
        var other = Task.Factory.StartNew(() => otherRan = true, CancellationToken.None, TaskCreationOptions.None, scheduler);
        var ranBefore = otherRan;
        await world.PointAsync(SchedulingPoint.Yield);
        var ran = !ranBefore && otherRan;
        var stayed = TaskScheduler.Current == scheduler;
        await other;
        return new YieldReport(ran, stayed, waits.Count, waits.Total);
    }

    private sealed class WaitRecorder : NullObserver
    {
        public int Count { get; private set; }
        public long Total { get; private set; }

        public override void TurnWaited(long microseconds)
        {
            Count++;
            Total += microseconds;
        }
    }
}
