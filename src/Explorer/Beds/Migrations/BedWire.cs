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
    private const int StoreMax = 20;

    private readonly VirtualWorld _world;
    private readonly Machine _from;
    private readonly Machine _to;
    private readonly VmProcess _source;
    private readonly HostProcess _destination;
    private readonly BedNetwork _network;
    private readonly SlowHost _slow;
    private readonly bool _mayBeGivenUp;
    private readonly bool _preparesSlowly;
    private readonly LinkTurns _turns;
    private readonly long _takeOverAnswerMicroseconds;
    private Tracked<BrokenLink> _broken;
    private Tracked<(LinkBreak? Next, Func<ValueTask>? After)> _breaks;
    private Tracked<TakeOverLoss> _takeOverLoss;
    private Tracked<TakeOverLoss> _nextTakeOverLoss;
    private Tracked<long> _patience;
    private Tracked<bool> _isCut;
    private Tracked<long> _wantedMax;
    private Tracked<bool> _saidWhole;
    private Tracked<PostcopyMeter> _meter;
    private Tracked<(bool Holds, bool IsSourceGone)> _late;

    public BedWire(Bed bed, BedVm source, HostMmu destination, int destinationAddressSpace)
    {
        (_world, _from, _to) = (bed.World, bed.MachineOf(source.Host), bed.MachineOf(destination));
        (_source, _destination) = (source.Process, destination.Process(destinationAddressSpace));
        (_network, _slow, _mayBeGivenUp) = (bed.Network, bed.Slowness, bed.Options.MachinesDie);
        _preparesSlowly = bed.Options.PreparesSlowly;
        _turns = bed.LinkTurns;
        _takeOverAnswerMicroseconds = bed.Options.TakeOverAnswerMicroseconds;
        var place = new Place(_world);
        _broken = new Tracked<BrokenLink>(place);
        _breaks = new Tracked<(LinkBreak?, Func<ValueTask>?)>(place);
        _takeOverLoss = new Tracked<TakeOverLoss>(place);
        _nextTakeOverLoss = new Tracked<TakeOverLoss>(place);
        _patience = new Tracked<long>(place);
        _isCut = new Tracked<bool>(place);
        _wantedMax = new Tracked<long>(place);
        _saidWhole = new Tracked<bool>(place);
        _meter = new Tracked<PostcopyMeter>(place);
        _late = new Tracked<(bool, bool)>(place);
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

    /// <summary>The longest time from the source's hearing that a vCPU wants a page until it was stored; 0 where none had still to be
    /// sent.</summary>
    public long WantedMicrosecondsMax => _wantedMax.Value;

    /// <summary>When pages of post-copy have left, and how many bytes.</summary>
    public PostcopyMeter Meter => _meter.Value;

    /// <summary>What post-copy may send in a second, to be known before it begins.</summary>
    public long PostcopyBandwidth
    {
        set => _meter.Changing.BytesPerSecond = value;
    }

    /// <summary>The destination has said that it has every page, whether or not the source has heard it.</summary>
    public bool SaidWhole => _saidWhole.Value;

    /// <summary>Pages of post-copy that are sent meanwhile, and the last question, are on their way until the destination has heard that
    /// its source is gone.</summary>
    public bool HoldsUntilSourceIsGone
    {
        get => _late.Value.Holds;
        set => _late.Changing.Holds = value;
    }

    /// <summary>Nothing arrives any more, and no answer comes back of what has arrived.</summary>
    public void Cut() => _isCut.Value = true;

    /// <summary>The source hears nothing of the next request to take over.</summary>
    /// <param name="loss">what becomes of it</param>
    /// <param name="patienceMicroseconds">how long the source waits, if it gives up waiting</param>
    /// <param name="next">what becomes of the one after it</param>
    public void LoseTakeOver(TakeOverLoss loss, long patienceMicroseconds = 0, TakeOverLoss next = TakeOverLoss.None) =>
        (_takeOverLoss.Value, _nextTakeOverLoss.Value, _patience.Value) = (loss, next, patienceMicroseconds);

    /// <summary>The link breaks when the next message of that kind is on it, and then <paramref name="after"/> begins.</summary>
    public void BreakAt(LinkBreak next, Func<ValueTask> after) => _breaks.Value = (next, after);

    public ValueTask<StreamStatus> DeliverAsync(Operation op, PageChunk chunk)
    {
        if (chunk.Header.Phase == StreamPhase.Postcopy)
        {
            _meter.Changing.Left(chunk.WireBytes, _world.NowMicroseconds);
            BreakIf(LinkMessage.Page);
        }

        if (chunk.Header.Phase == StreamPhase.Precopy) _turns.Left(chunk.Header.Stream, chunk.Header.Round, chunk.WireBytes);

        // The sender reuses its buffers when it has given up waiting; what is on its way, or stands still there, has bytes of its own.
        return ReceiveAsync(op, _mayBeGivenUp ? chunk with { Pages = chunk.Pages.ToArray(), Content = chunk.Content.ToArray() } : chunk);
    }

    private ValueTask<StreamStatus> ReceiveAsync(Operation op, PageChunk chunk)
    {
        var isHeld = HoldsUntilSourceIsGone;
        return _to.CallAsync(op, "receives", StreamStatus.Lost, async there =>
        {
            if (Broken != BrokenLink.Whole || _isCut.Value) return StreamStatus.Lost;
            if (chunk.Header.Phase == StreamPhase.Postcopy)
            {
                if (isHeld) await HeldAsync();
                await _slow.TakeTimeAsync(StoreMax);
            }

            var status = await _destination.ReceiveAsync(there, chunk, isIntact: true);
            if (_isCut.Value) return StreamStatus.Lost;
            return chunk.Header.Phase == StreamPhase.Postcopy && BreakIf(LinkMessage.PageAnswer) ? StreamStatus.Lost : status;
        });
    }

    public ValueTask<StreamStatus> PrepareAsync(Operation op, MigrationSetup setup)
    {
        return _preparesSlowly ? AskForSomeTimeAsync() : AskAsync(op, arrived: null);

        ValueTask<StreamStatus> AskAsync(Operation asking, Latch? arrived) =>
            CallAsync(asking, "prepares", StreamStatus.Lost, (destination, there) =>
            {
                arrived?.Complete();
                return destination.PrepareAsync(there, setup);
            });

        // What the source says later does not overtake it, so its patience begins when the request has arrived. When it ends, the schedule
        // says.
        async ValueTask<StreamStatus> AskForSomeTimeAsync()
        {
            var sent = Operation.From(op.Context);
            var (arrived, isOver) = (new Latch(_world), new Latch(_world));
            var answer = new Tracked<StreamStatus>(_world, StreamStatus.Lost);
            _world.Spawn("prepare", async () =>
            {
                answer.Value = await AskAsync(sent, arrived);
                arrived.Complete();
                isOver.Complete();
            });
            _world.Spawn("the source's patience", async () =>
            {
                await arrived;
                await _world.PointAsync(SchedulingPoint.Yield);
                isOver.Complete();
            });
            await isOver;
            return answer.Value;
        }
    }

    public ValueTask<StreamStatus> CompareAsync(Operation op, MemoryImage image) =>
        CallAsync(op, "compares", StreamStatus.Lost, (destination, there) => destination.CompareAsync(there, image));

    public async ValueTask<StreamStatus> TakeOverAsync(Operation op, DeviceState state)
    {
        _meter.Changing.Begin(_world.NowMicroseconds);
        if (_takeOverLoss.Value is TakeOverLoss.None or TakeOverLoss.Answer)
        {
            var answer = await AskAsync(op);
            if (_takeOverAnswerMicroseconds > 0) await _world.DelayAsync(_takeOverAnswerMicroseconds);
            if (_takeOverLoss.Value == TakeOverLoss.None) return answer;
        }
        else if (_takeOverLoss.Value == TakeOverLoss.Patience)
        {
            var sent = Operation.From(op.Context);
            _world.Spawn("a take-over without a waiting caller", async () => await AskAsync(sent));
            if (_patience.Value > 0) await _world.DelayAsync(_patience.Value);
        }

        (_takeOverLoss.Value, _nextTakeOverLoss.Value) = (_nextTakeOverLoss.Value, TakeOverLoss.None);
        return StreamStatus.Lost;

        ValueTask<StreamStatus> AskAsync(Operation asking) => CallAsync(
            asking, "takes over", StreamStatus.Lost, async (destination, there) =>
            await destination.TakeOverAsync(there, state) is var status && BreakIf(LinkMessage.TakeOverAnswer)
                ? StreamStatus.Lost
                : status);
    }

    public ValueTask<FinishResult> FinishAsync(Operation op)
    {
        var isHeld = HoldsUntilSourceIsGone;
        return CallAsync(op, "finishes", FinishResult.Lost, async (destination, there) =>
        {
            if (isHeld) await HeldAsync();
            var result = await destination.FinishAsync(there);
            if (result.Status == StreamStatus.Ok) _saidWhole.Value = true;
            return BreakIf(LinkMessage.FinishAnswer) ? FinishResult.Lost : result;
        });
    }

    public ValueTask<IReadOnlyList<PageSet>?> RecoverAsync(Operation op) =>
        _network.CallAsync(op, sent => _to.CallAsync<IReadOnlyList<PageSet>?>(sent, "recovers", null, async there =>
        {
            if (Broken != BrokenLink.Whole || _isCut.Value) return null;
            var missing = await Destination!.RecoverAsync(there);
            return _isCut.Value || BreakIf(LinkMessage.RecoverAnswer) ? null : missing;
        }));

    public ValueTask<StreamStatus> ResumeAsync(Operation op) =>
        CallAsync(op, "resumes", StreamStatus.Lost, (destination, there) => destination.ResumeAsync(there));

    public ValueTask<StreamStatus> AbandonAsync(Operation op) =>
        CallAsync(op, "abandons", StreamStatus.Lost, (destination, there) => destination.AbandonAsync(there));

    public ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva) =>
        _network.CallAsync(op, sent => _from.CallAsync(sent, "is asked for a page", StreamStatus.Lost, async there =>
        {
            if (Broken != BrokenLink.Whole || _isCut.Value) return StreamStatus.Lost;
            var since = _world.NowMicroseconds;
            var status = await _source.RequestPageAsync(there, hva);
            _wantedMax.Value = Math.Max(_wantedMax.Value, _world.NowMicroseconds - since);
            return status;
        }));

    /// <summary>Another machine answers for a dead one, and knows of no migration; a broken link says nothing.</summary>
    public async ValueTask<bool> MigratesAsync(Operation op, long stream)
    {
        var answer = await _network.CallAsync(op, sent => _from.CallAsync<bool?>(
            sent, "is asked whether it migrates", null,
            _ => ValueTask.FromResult<bool?>(Broken == BrokenLink.Everything || _isCut.Value || _source.Migrates(stream))));
        var migrates = answer ?? !_from.IsReplaced;
        if (!migrates) _late.Changing.IsSourceGone = true;
        return migrates;
    }

    private async ValueTask HeldAsync()
    {
        while (!_late.Value.IsSourceGone && Destination is IncomingSide { Migration.NeedsSource: true })
            await _world.PointAsync(SchedulingPoint.Retry);
    }

    /// <summary>Breaks the link if it is to break at such a message.</summary>
    private bool BreakIf(LinkMessage message)
    {
        if (_breaks.Value is not ({ } next, { } after) || next.At != message) return false;
        Broken = next.Broken;
        _breaks.Value = default;
        _world.Spawn("link", after);
        return true;
    }

    private ValueTask<T> CallAsync<T>(Operation op, string what, T lost, Func<IMigrationDestination, Operation, ValueTask<T>> call) =>
        _network.CallAsync(op, sent => _to.CallAsync(sent, what, lost, async there =>
        {
            if (Broken == BrokenLink.Everything || _isCut.Value) return lost;
            var answer = await call(Destination!, there);
            return _isCut.Value ? lost : answer;
        }));
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

/// <summary>A message that is on the link when it breaks, and is lost.</summary>
public enum LinkMessage : byte
{
    /// <summary>The destination runs the VM, and the source does not hear of it.</summary>
    TakeOverAnswer,

    /// <summary>A page of post-copy, pushed or requested, that does not arrive.</summary>
    Page,

    /// <summary>Such a page arrives, and the source does not hear of it.</summary>
    PageAnswer,

    /// <summary>That the destination has all pages.</summary>
    FinishAnswer,

    /// <summary>What the destination lacks after a break.</summary>
    RecoverAnswer,
}

/// <summary>The link breaks.</summary>
/// <param name="At">when such a message is on it next</param>
/// <param name="Broken">what is lost from then on</param>
/// <param name="IsRepaired">when the migration has paused; otherwise never</param>
public sealed record LinkBreak(LinkMessage At, BrokenLink Broken, bool IsRepaired = true);

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
