using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>
/// Everything between the two hosts of a migration and its two user spaces: each call is a scheduling point on its way there, and what a broken link loses is lost. A call whose
/// answer is lost was made all the same.
/// </summary>
internal sealed class BedWire : IPageLink, IMigrationDestination, IMigrationReturnPath
{
    private readonly VirtualWorld _world;
    private readonly HostMmu _destinationHost;
    private readonly int _destinationAddressSpace;
    private readonly Place _place;
    private BrokenLink _broken;
    private bool _losesTakeOverAnswer;

    public BedWire(VirtualWorld world, HostMmu destinationHost, int destinationAddressSpace)
    {
        (_world, _destinationHost, _destinationAddressSpace) = (world, destinationHost, destinationAddressSpace);
        _place = new Place(world);
    }

    public IMigrationDestination? Destination { get; set; }
    public IMigrationReturnPath? Source { get; set; }

    public BrokenLink Broken
    {
        get
        {
            _place.Reads();
            return _broken;
        }

        set
        {
            _place.Writes();
            _broken = value;
            _world.Trace?.Note(null, $"the link is {(value == BrokenLink.Whole ? "whole" : $"broken: {value}")}");
        }
    }

    /// <summary>The next answer to the request to take over does not come back.</summary>
    public void LoseTakeOverAnswer()
    {
        _place.Writes();
        _losesTakeOverAnswer = true;
    }

    public async ValueTask<StreamStatus> DeliverAsync(Operation op, PageChunk chunk)
    {
        await _world.PointAsync(SchedulingPoint.Call);
        if (Broken != BrokenLink.Whole) return StreamStatus.Lost;
        return await _destinationHost.Streams.ReceiveAsync(op, _destinationAddressSpace, chunk, isIntact: true);
    }

    public ValueTask<StreamStatus> PrepareAsync(Operation op, MigrationSetup setup) => CallAsync(() => Destination!.PrepareAsync(op, setup));

    public ValueTask<StreamStatus> CompareAsync(Operation op, MemoryImage image) => CallAsync(() => Destination!.CompareAsync(op, image));

    public async ValueTask<StreamStatus> TakeOverAsync(Operation op, DeviceState state)
    {
        var answer = await CallAsync(() => Destination!.TakeOverAsync(op, state));
        _place.Writes();
        if (!_losesTakeOverAnswer) return answer;
        _losesTakeOverAnswer = false;
        return StreamStatus.Lost;
    }

    public async ValueTask<FinishResult> FinishAsync(Operation op)
    {
        await _world.PointAsync(SchedulingPoint.Call);
        return Broken == BrokenLink.Everything ? FinishResult.Lost : await Destination!.FinishAsync(op);
    }

    public async ValueTask<IReadOnlyList<ulong[]>?> RecoverAsync(Operation op)
    {
        await _world.PointAsync(SchedulingPoint.Call);
        return Broken == BrokenLink.Whole ? await Destination!.RecoverAsync(op) : null;
    }

    public ValueTask<StreamStatus> ResumeAsync(Operation op) => CallAsync(() => Destination!.ResumeAsync(op));

    public ValueTask<StreamStatus> AbandonAsync(Operation op) => CallAsync(() => Destination!.AbandonAsync(op));

    public async ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva)
    {
        await _world.PointAsync(SchedulingPoint.Call);
        return Broken == BrokenLink.Whole ? await Source!.RequestPageAsync(op, hva) : StreamStatus.Lost;
    }

    private async ValueTask<StreamStatus> CallAsync(Func<ValueTask<StreamStatus>> call)
    {
        await _world.PointAsync(SchedulingPoint.Call);
        return Broken == BrokenLink.Everything ? StreamStatus.Lost : await call();
    }
}
