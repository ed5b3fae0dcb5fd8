using Livebed.Grains.Contracts;
using Livebed.Grains.Faults;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Grains.Wire;

/// <summary>
/// The page link from one host to an address space of another. Each channel of the migration has a connection, made when the channel first
/// sends, and sends one chunk at a time. So at most channels x chunk is in flight, and a destination that stalls stalls the source. A
/// broken connection or a late answer is <see cref="StreamStatus.Lost"/>. The next chunk of that channel gets a new connection, to the
/// endpoint that the destination's host names then.
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
        await channel.Turn.WaitAsync();
        try
        {
            if (faults is null) return await DeliverAsync(channel, message, chunk);
            if (faults.NextDelay() is var delay && delay > TimeSpan.Zero) await Task.Delay(delay);
            return faults.Breaks(chunk.Header) ? await BreakAsync(faults, op, channel, chunk) : await DeliverAsync(channel, message, chunk);
        }
        catch (Exception exception) when (PageConnection.IsBroken(exception))
        {
            channel.Break();
            return StreamStatus.Lost;
        }
        finally
        {
            channel.Turn.Release();
            wire.Traffic.Remove(chunk.Content.Length);
        }
    }

    /// <summary>Breaks every connection; a caller that waits for an answer gets Lost.</summary>
    public void Dispose()
    {
        lock (_channels)
        {
            _isClosed = true;
            foreach (var channel in _channels.Values) channel.Break();
        }
    }

    /// <summary>Every connection of the link breaks while the chunk is in flight, and none can be made until the chunk is given up. The
    /// destination may have stored it, but the answer is lost.</summary>
    private async Task<StreamStatus> BreakAsync(PageLinkFaults faults, Operation op, Channel channel, PageChunk chunk)
    {
        var delivery = DeliverAsync(channel, OperationMessage.From(op), chunk);
        await faults.BreakAsync(Cut);
        try
        {
            await delivery;
        }
        catch (Exception exception) when (PageConnection.IsBroken(exception))
        {
            // The break came before the answer.
        }
        finally
        {
            lock (_channels) _breaks--;
        }

        channel.Break();
        return StreamStatus.Lost;
    }

    /// <returns>connections that were open</returns>
    private int Cut()
    {
        lock (_channels)
        {
            _breaks++;
            return _channels.Values.Count(channel => channel.Break());
        }
    }

    private async Task<StreamStatus> DeliverAsync(Channel channel, OperationMessage op, PageChunk chunk)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(wire.Stopping);
        patience.CancelAfter(wire.AnswerTimeout);
        var connection = channel.Connection;
        if (connection is null)
        {
            if (await find() is not { } endpoint) return StreamStatus.Lost;
            connection = await PageConnection.OpenAsync(wire, endpoint, patience.Token).ConfigureAwait(false);
            if (connection is null) return StreamStatus.Refused;
            if (!Use(channel, connection)) return StreamStatus.Lost;
        }

        if (wire.Links is { } links) await links.PassAsync(peer, LinkWay.To, chunk.Content.Length, patience.Token).ConfigureAwait(false);

        // The kernel's copies, and everything after them, run outside of any grain's turn.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var answer = await connection.SendAsync(op, chunk.Sealed(), patience.Token).ConfigureAwait(false);
        if (wire.Links is { } back) await back.PassAsync(peer, LinkWay.From, 1, patience.Token).ConfigureAwait(false);
        return answer;
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

    private sealed class Channel
    {
        /// <summary>Of urgent pages several may be asked for at once; they go one after the other.</summary>
        public SemaphoreSlim Turn { get; } = new(1, 1);

        public PageConnection? Connection { get; set; }

        /// <summary>False when there was no connection.</summary>
        public bool Break()
        {
            var wasOpen = Connection is not null;
            Connection?.Dispose();
            Connection = null;
            return wasOpen;
        }
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
