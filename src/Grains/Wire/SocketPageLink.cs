using Livebed.Grains.Contracts;
using Livebed.Grains.Faults;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Grains.Wire;

/// <summary>
/// The page link from one host to an address space of another. Each channel of the migration has a connection, made when the channel first
/// sends. Chunks of a channel go one after the other, and the next need not wait for the answer to the last. Only what callers wait for is
/// in flight, so a destination that stalls stalls the source. A broken connection or a late answer is <see cref="StreamStatus.Lost"/>, for
/// all chunks of that connection. The next chunk of that channel gets a new connection, to the endpoint that the destination's host names
/// then.
/// </summary>
/// <param name="wire">this silo's page wire</param>
/// <param name="find">asks the destination's host for the endpoint of the address space's pages; null when it takes none, or does not
/// answer</param>
/// <param name="faults">faults that the network has; null for none</param>
/// <param name="peer">the destination's silo, where <see cref="PageWire.Links"/> say what becomes of the link to it</param>
public sealed class SocketPageLink(
    PageWire wire, Func<ValueTask<PageEndpoint?>> find, PageLinkFaults? faults = null, string peer = "")
    : IPageLink, IDisposable
{
    private readonly Dictionary<int, Channel> _channels = [];
    private bool _isClosed;
    private int _breaks;

    public async ValueTask<StreamStatus> DeliverAsync(Operation op, PageChunk chunk)
    {
        var message = OperationMessage.From(op);
        if (Find(chunk.Header.Channel) is not { } channel) return StreamStatus.Lost;
        wire.Traffic.Add(chunk.Content.Length);
        try
        {
            if (faults is null) return await DeliverAsync(channel, message, chunk);
            if (faults.NextDelay() is var delay && delay > TimeSpan.Zero) await Task.Delay(delay);
            return faults.Breaks(chunk.Header) ? await BreakAsync(faults, op, channel, chunk) : await DeliverAsync(channel, message, chunk);
        }
        finally
        {
            wire.Traffic.Remove(chunk.Content.Length);
        }
    }

    /// <summary>Breaks every connection; a caller that waits for an answer gets Lost.</summary>
    public void Dispose()
    {
        lock (_channels) _isClosed = true;
        _ = BreakAll();
    }

    /// <summary>Every connection of the link breaks while the chunk is in flight, and none can be made until the chunk is given up. The
    /// destination may have stored it, but the answer is lost.</summary>
    private async Task<StreamStatus> BreakAsync(PageLinkFaults faults, Operation op, Channel channel, PageChunk chunk)
    {
        var delivery = DeliverAsync(channel, OperationMessage.From(op), chunk);
        await faults.BreakAsync(Cut);
        try
        {
            _ = await delivery;
        }
        finally
        {
            lock (_channels) _breaks--;
        }

        Break(channel, channel.Connection);
        return StreamStatus.Lost;
    }

    /// <returns>connections that were open</returns>
    private int Cut()
    {
        lock (_channels) _breaks++;
        return BreakAll();
    }

    /// <returns>connections that were open</returns>
    private int BreakAll()
    {
        lock (_channels) return _channels.Values.Count(channel => Break(channel, channel.Connection));
    }

    private async Task<StreamStatus> DeliverAsync(Channel channel, OperationMessage op, PageChunk chunk)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(wire.Stopping);
        patience.CancelAfter(wire.AnswerTimeout);
        PageConnection? connection = null;
        try
        {
            (connection, var refusal) = await ConnectAsync(channel, patience.Token);
            if (connection is null) return refusal;
            if (wire.Links is { } links)
                await links.PassAsync(peer, LinkWay.To, chunk.Content.Length, patience.Token).ConfigureAwait(false);

            // The kernel's copies, and everything after them, run outside of any grain's turn.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            var answer = await connection.SendAsync(op, chunk.Sealed(), patience.Token).ConfigureAwait(false);
            if (wire.Links is { } back) await back.PassAsync(peer, LinkWay.From, 1, patience.Token).ConfigureAwait(false);
            return answer;
        }
        catch (Exception exception) when (PageConnection.IsBroken(exception))
        {
            Break(channel, connection);
            return StreamStatus.Lost;
        }
    }

    /// <summary>The channel's connection, which its first chunk makes.</summary>
    /// <returns>null and what to answer when there is none to be had</returns>
    private async Task<(PageConnection? Connection, StreamStatus Refusal)> ConnectAsync(Channel channel, CancellationToken cancellation)
    {
        await channel.Connecting.WaitAsync(cancellation);
        try
        {
            if (channel.Connection is { } open) return (open, StreamStatus.Ok);
            if (await find() is not { } endpoint) return (null, StreamStatus.Lost);
            if (await PageConnection.OpenAsync(wire, endpoint, cancellation) is not { } made) return (null, StreamStatus.Refused);
            return Use(channel, made) ? (made, StreamStatus.Ok) : (null, StreamStatus.Lost);
        }
        finally
        {
            _ = channel.Connecting.Release();
        }
    }

    private Channel? Find(int number)
    {
        lock (_channels)
        {
            if (_isClosed) return null;
            if (!_channels.TryGetValue(number, out var channel)) _channels.Add(number, channel = new Channel());
            return channel;
        }
    }

    private bool Use(Channel channel, PageConnection connection)
    {
        lock (_channels)
        {
            var isOpen = !_isClosed && _breaks == 0;
            if (isOpen) channel.Connection = connection;
            else connection.Dispose();
            return isOpen;
        }
    }

    /// <summary>The next chunk of the channel makes a new connection, unless one has done so already.</summary>
    /// <returns>false when there was no connection</returns>
    private bool Break(Channel channel, PageConnection? broken)
    {
        if (broken is null) return false;
        lock (_channels)
            if (channel.Connection == broken)
                channel.Connection = null;
        broken.Dispose();
        return true;
    }

    private sealed class Channel
    {
        public SemaphoreSlim Connecting { get; } = new(1, 1);

        public PageConnection? Connection { get; set; }
    }
}

/// <summary>
/// What the network does to the pages of one migration: chunks are late, each by its own time, so that one channel falls behind another;
/// and in post-copy the link breaks, with what is on its way. Called in the turns of the source's host.
/// </summary>
/// <param name="faults">what has been ordered</param>
/// <param name="record">writes a break down and makes it: it is given its identity, and what cuts the connections and says how many</param>
public sealed class PageLinkFaults(MigrationFaults faults, Func<OperationId, Func<int>, Task> record)
{
    private readonly SeededRandom _random = new(faults.Seed);
    private int _breaks;
    private int _carried;

    /// <summary>How late the next chunk is.</summary>
    public TimeSpan NextDelay() =>
        faults.JitterMicroseconds == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(_random.Next(faults.JitterMicroseconds));

    /// <summary>Whether the link breaks under this chunk.</summary>
    public bool Breaks(in ChunkHeader header)
    {
        if (header.Phase != StreamPhase.Postcopy || _breaks == faults.LinkBreaks.Count) return false;
        if (_carried++ < faults.LinkBreaks[_breaks]) return false;
        (_breaks, _carried) = (_breaks + 1, 0);
        return true;
    }

    /// <summary>The break that has just been found to come.</summary>
    public Task BreakAsync(Func<int> cut) =>
        record(faults.BreakOperations.Count < _breaks ? default : new OperationId(faults.BreakOperations[_breaks - 1]), cut);
}
