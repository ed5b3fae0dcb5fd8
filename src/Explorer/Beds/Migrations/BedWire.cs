using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>
/// The network between the two hosts of a migration and its two user spaces. Each call is a scheduling point on its way, and a broken link
/// loses what it carries. A call that loses its answer was made nevertheless.
/// </summary>
internal sealed class BedWire : IPageLink, IMigrationDestination, ISourcePort
{
    private readonly VirtualWorld _world;
    private readonly Machine _from;
    private readonly Machine _to;
    private readonly VmProcess _source;
    private readonly HostProcess _destination;
    private readonly bool _mayBeGivenUp;
    private Tracked<BrokenLink> _broken;
    private Tracked<(BrokenLink Broken, Func<ValueTask>? After)> _breaksInPostcopy;
    private Tracked<TakeOverLoss> _takeOverLoss;

    public BedWire(Bed bed, BedVm source, HostMmu destination, int destinationAddressSpace)
    {
        (_world, _from, _to) = (bed.World, bed.MachineOf(source.Host), bed.MachineOf(destination));
        (_source, _destination) = (source.Process, destination.Process(destinationAddressSpace));
        _mayBeGivenUp = bed.Options.MachinesDie;
        var place = new Place(_world);
        _broken = new Tracked<BrokenLink>(place);
        _breaksInPostcopy = new Tracked<(BrokenLink, Func<ValueTask>?)>(place);
        _takeOverLoss = new Tracked<TakeOverLoss>(place);
    }

    /// <summary>User space at the destination.</summary>
    public IMigrationDestination? Destination { get; set; }

    public BrokenLink Broken
    {
        get => _broken.Value;

        set
        {
            _broken.Value = value;
            _world.Trace?.Note(null, $"the link is {(value == BrokenLink.Whole ? "whole" : $"broken: {value}")}");
        }
    }

    /// <summary>The source hears nothing of the next request to take over.</summary>
    public void LoseTakeOver(TakeOverLoss loss) => _takeOverLoss.Value = loss;

    /// <summary>The link breaks when the next page of post-copy is on it, and then <paramref name="after"/> begins.</summary>
    public void BreakInPostcopy(BrokenLink broken, Func<ValueTask> after) => _breaksInPostcopy.Value = (broken, after);

    public ValueTask<StreamStatus> DeliverAsync(Operation op, PageChunk chunk)
    {
        if (_breaksInPostcopy.Value is (not BrokenLink.Whole, { } after) breaks && chunk.Header.Phase == StreamPhase.Postcopy)
        {
            Broken = breaks.Broken;
            _breaksInPostcopy.Value = default;
            _world.Spawn("link", after);
        }

        // The sender reuses its buffers when it has given up waiting; what is on its way, or stands still there, has bytes of its own.
        return ReceiveAsync(op, _mayBeGivenUp ? chunk with { Pages = chunk.Pages.ToArray(), Content = chunk.Content.ToArray() } : chunk);
    }

    private ValueTask<StreamStatus> ReceiveAsync(Operation op, PageChunk chunk) =>
        _to.CallAsync(op, "receives", StreamStatus.Lost, async there =>
        Broken == BrokenLink.Whole
            ? await _destination.ReceiveAsync(there, chunk, isIntact: true)
            : StreamStatus.Lost);

    public ValueTask<StreamStatus> PrepareAsync(Operation op, MigrationSetup setup) =>
        CallAsync(op, "prepares", StreamStatus.Lost, (destination, there) => destination.PrepareAsync(there, setup));

    public ValueTask<StreamStatus> CompareAsync(Operation op, MemoryImage image) =>
        CallAsync(op, "compares", StreamStatus.Lost, (destination, there) => destination.CompareAsync(there, image));

    public async ValueTask<StreamStatus> TakeOverAsync(Operation op, DeviceState state)
    {
        if (_takeOverLoss.Value is TakeOverLoss.None or TakeOverLoss.Answer)
        {
            var answer = await AskAsync(op);
            if (_takeOverLoss.Value == TakeOverLoss.None) return answer;
        }
        else if (_takeOverLoss.Value == TakeOverLoss.Patience)
        {
            var sent = Operation.From(op.Context);
            _world.Spawn("a take-over without a waiting caller", async () => await AskAsync(sent));
        }

        _takeOverLoss.Value = TakeOverLoss.None;
        return StreamStatus.Lost;

        ValueTask<StreamStatus> AskAsync(Operation asking) =>
            CallAsync(asking, "takes over", StreamStatus.Lost, (destination, there) => destination.TakeOverAsync(there, state));
    }

    public ValueTask<FinishResult> FinishAsync(Operation op) =>
        CallAsync(op, "finishes", FinishResult.Lost, (destination, there) => destination.FinishAsync(there));

    public ValueTask<IReadOnlyList<PageSet>?> RecoverAsync(Operation op) =>
        _to.CallAsync<IReadOnlyList<PageSet>?>(op, "recovers", null, async there =>
        Broken == BrokenLink.Whole ? await Destination!.RecoverAsync(there) : null);

    public ValueTask<StreamStatus> ResumeAsync(Operation op) =>
        CallAsync(op, "resumes", StreamStatus.Lost, (destination, there) => destination.ResumeAsync(there));

    public ValueTask<StreamStatus> AbandonAsync(Operation op) =>
        CallAsync(op, "abandons", StreamStatus.Lost, (destination, there) => destination.AbandonAsync(there));

    public ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva) =>
        _from.CallAsync(op, "is asked for a page", StreamStatus.Lost, async there =>
        Broken == BrokenLink.Whole ? await _source.RequestPageAsync(there, hva) : StreamStatus.Lost);

    /// <summary>Another machine answers for a dead one, and knows of no migration; a broken link says nothing.</summary>
    public async ValueTask<bool> MigratesAsync(Operation op, long stream)
    {
        var answer = await _from.CallAsync<bool?>(
            op, "is asked whether it migrates", null,
            _ => ValueTask.FromResult<bool?>(Broken == BrokenLink.Everything || _source.Migrates(stream)));
        return answer ?? !_from.IsReplaced;
    }

    private ValueTask<T> CallAsync<T>(Operation op, string what, T lost, Func<IMigrationDestination, Operation, ValueTask<T>> call) =>
        _to.CallAsync(op, what, lost, async there => Broken == BrokenLink.Everything ? lost : await call(Destination!, there));
}

/// <summary>What is lost on the way between two hosts, for as long as it is set.</summary>
public enum BrokenLink : byte
{
    Whole,

    /// <summary>Pages do not arrive, in neither direction of asking.</summary>
    Pages,

    /// <summary>Nothing arrives.</summary>
    Everything,
}

/// <summary>What becomes of the next request to take a VM over, of which the source hears nothing.</summary>
public enum TakeOverLoss : byte
{
    None,

    /// <summary>It does not arrive.</summary>
    Request,

    /// <summary>Its answer does not come back.</summary>
    Answer,

    /// <summary>It goes on while the source has given up waiting for it.</summary>
    Patience,
}
