using Livebed.Kvm.Locks;
using Livebed.Kvm.Tests.Scheduling;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>What every lock test needs: a scheduler, a world, a domain, and short words for them.</summary>
internal sealed class LockTestBed
{
    public LockTestBed()
    {
        World = new TestWorld(Scheduler);
        Domain = new LockDomain(World);
    }

    public TestScheduler Scheduler { get; } = new();
    public TestWorld World { get; }
    public LockDomain Domain { get; }

    public RwSemaphore Rwsem(bool fair = true) =>
        new(Domain, fair ? LockClasses.NotifierSlotsLock : LockClasses.NotifierSlotsLockUnfair, "vm-1", fair);

    public Operation Op(OperationKind? kind = null) => World.NewOperation(kind);
    public Task Start(Func<ValueTask> body) => Scheduler.Start(body);
    public void Pump() => Scheduler.Pump();

    /// <summary>Starts an acquisition that must succeed at once.</summary>
    public void Take(Func<ValueTask> acquire) => Assert.True(Start(acquire).IsCompletedSuccessfully);
}
