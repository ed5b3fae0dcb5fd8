using System.Runtime.ExceptionServices;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// QEMU's multifd channels (migration/multifd.c). Each carries at most a window of batches at a time, so at most channels x window x batch
/// is in flight, and a receiver that stalls stalls the sender. A batch here is answered when it has been stored, and QEMU's is handed to a
/// socket with a buffer of some MiB: the window stands for that buffer. With a window of one a channel's link carries nothing while an
/// answer is awaited and the next batch is read. Pages are read when they are sent. <see cref="DrainAsync"/> is the barrier of a round
/// (<c>multifd_send_sync_main</c>): without it the copy of an earlier round, on a slow channel, could arrive after that of a later one.
/// Pages that a vCPU waits for go at once, on a channel of their own (QEMU's postcopy-preempt), for which a drain waits too.
/// </summary>
internal sealed class PageChannels
{
    private readonly IWorld _world;
    private readonly IStreamPort _stream;
    private readonly OperationIds _ids;
    private readonly TrackedObject<Stack<int>> _idle;
    private readonly int _places;
    private readonly Mutant? _mutant;
    private Tracked<int> _urgent;
    private Tracked<(Waiter Waiter, bool ForAll)?> _waiter;
    private Tracked<ExceptionDispatchInfo?> _failure;
    private Tracked<StreamStatus> _status;
    private Tracked<(long Bytes, long Normal, long Duplicate, long LinkWait)> _sent;

    /// <param name="world">the world it is in</param>
    /// <param name="stream">where the pages go</param>
    /// <param name="ids">ids of the operations that send them</param>
    /// <param name="count">channels beside that of urgent pages</param>
    /// <param name="window">batches that a channel has on their way at once</param>
    /// <param name="mutant">the defect to have, or null</param>
    public PageChannels(IWorld world, IStreamPort stream, OperationIds ids, int count, int window = 1, Mutant? mutant = null)
    {
        (_world, _stream, _ids, _places, _mutant) = (world, stream, ids, count * window, mutant);
        var place = new Place(world);
        _idle = new TrackedObject<Stack<int>>(place, new Stack<int>());
        for (var free = _places - 1; free >= 0; free--) _idle.Content.Push(free % count);
        _urgent = new Tracked<int>(place);
        _waiter = new Tracked<(Waiter Waiter, bool ForAll)?>(place);
        _failure = new Tracked<ExceptionDispatchInfo?>(place);
        _status = new Tracked<StreamStatus>(place);
        _sent = new Tracked<(long Bytes, long Normal, long Duplicate, long LinkWait)>(place);
    }

    /// <summary>The worst answer since it was last taken; after anything but Ok nothing more is sent.</summary>
    public StreamStatus Status
    {
        get => _status.Value;
        private set => _status.Value = value;
    }

    public long Bytes => _sent.Value.Bytes;
    public long NormalPages => _sent.Value.Normal;
    public long DuplicatePages => _sent.Value.Duplicate;

    /// <inheritdoc cref="SendResult.LinkWaitMicroseconds"/>
    public long LinkWaitMicroseconds => _sent.Value.LinkWait;

    private bool IsIdle =>
        _idle.Content.Count == _places && (_urgent.Value == 0 || _mutant == Mutant.DrainForgetsWantedPages);

    /// <summary>Hands the batch to an idle channel, which it waits for; returns before it has been sent.</summary>
    public async ValueTask SendAsync(Operation op, ChunkHeader header, PageSet batch)
    {
        while (_idle.Content.Count == 0) await WaitAsync(op, forAll: false);
        if (Status != StreamStatus.Ok) return;
        var channel = _idle.Content.Pop();
        _world.Start($"multifd-{channel}", () => RunAsync(channel, header with { Channel = channel }, batch));
    }

    /// <summary>
    /// Sends pages that a vCPU waits for; returns when they have been stored, or not. It counts with the other channels. It sends nothing
    /// over channels that have broken, although a new connection might work. Otherwise the drain before the pause would never end while
    /// vCPUs request pages, and nothing would be pushed.
    /// </summary>
    public async ValueTask<StreamStatus> SendUrgentAsync(Operation op, ChunkHeader header, PageSet batch)
    {
        if (Status != StreamStatus.Ok) return Status;
        _urgent.Value++;
        try
        {
            var sent = await _stream.SendAsync(op, header with { Channel = ChunkHeader.UrgentChannel }, batch);
            Count(sent);
            return sent.Status;
        }
        finally
        {
            _urgent.Value--;
            Wake();
        }
    }

    /// <summary>Returns when every channel is idle, that of urgent pages included.</summary>
    public async ValueTask<StreamStatus> DrainAsync(Operation op)
    {
        while (!IsIdle) await WaitAsync(op, forAll: true);
        _failure.Value?.Throw();
        return Status;
    }

    /// <summary>The link is said to be whole again.</summary>
    public void Recover() => Status = StreamStatus.Ok;

    private async ValueTask RunAsync(int channel, ChunkHeader header, PageSet batch)
    {
        try
        {
            Count(await _stream.SendAsync(new Operation(_ids.Next(), OperationKind.MigrationPages), header, batch));
        }
        catch (Exception exception)
        {
            // A defect, not an outcome: the operation that waits for the channels gets the exception.
            _failure.Value ??= ExceptionDispatchInfo.Capture(exception);
            Status = StreamStatus.Lost;
        }

        _idle.Content.Push(channel);
        Wake();
    }

    private void Count(in SendResult sent)
    {
        ref var sums = ref _sent.Changing;
        sums.Bytes += sent.Bytes;
        sums.Normal += sent.Normal;
        sums.Duplicate += sent.Duplicate;
        sums.LinkWait += sent.LinkWaitMicroseconds;
        if (sent.Status != StreamStatus.Ok) Status = sent.Status;
    }

    private void Wake()
    {
        if (_waiter.Value is not { } waiting || (waiting.ForAll ? !IsIdle : _idle.Content.Count == 0)) return;
        _waiter.Value = null;
        waiting.Waiter.Complete(_world.NowMicroseconds);
    }

    private async ValueTask WaitAsync(Operation op, bool forAll)
    {
        // One migration thread, so one waiter.
        var waiter = new Waiter(_world) { WaitId = 0, Operation = op, Mode = LockMode.Write, SinceMicroseconds = _world.NowMicroseconds };
        _waiter.Value = (waiter, forAll);
        await waiter.Task;
    }
}
