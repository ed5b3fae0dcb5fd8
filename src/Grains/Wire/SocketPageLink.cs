using Livebed.Grains.Contracts;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Wire;

/// <summary>
/// The way from one host to an address space of another: a connection for each channel of the migration, made when the channel first sends, one chunk at a time. So at most channels x
/// chunk is in flight, and a destination that stalls stalls the source. Broken connections, and answers that take too long, are <see cref="StreamStatus.Lost"/>; the next chunk of that
/// channel gets a new connection, to wherever the destination's host says then.
/// </summary>
/// <param name="wire">this silo's end</param>
/// <param name="find">asks the destination's host where it takes the address space's pages; null when it does not, or does not answer</param>
public sealed class SocketPageLink(PageWire wire, Func<ValueTask<PageEndpoint?>> find) : IPageLink, IDisposable
{
    private readonly Dictionary<int, Channel> _channels = [];
    private bool _isClosed;

    public async ValueTask<StreamStatus> DeliverAsync(Operation op, PageChunk chunk)
    {
        var message = OperationMessage.From(op);
        if (Find(chunk.Header.Channel) is not { } channel) return StreamStatus.Lost;
        wire.Traffic.Add(chunk.Content.Length);
        await channel.Turn.WaitAsync();
        try
        {
            return await DeliverAsync(channel, message, chunk);
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

    /// <summary>Who waits for an answer finds the connection broken.</summary>
    public void Dispose()
    {
        lock (_channels)
        {
            _isClosed = true;
            foreach (var channel in _channels.Values) channel.Break();
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

        // Copies of the kernel and all of what follows are nobody's turn.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        return await connection.SendAsync(op, chunk.Sealed(), patience.Token).ConfigureAwait(false);
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
            if (!_isClosed) channel.Connection = connection;
            else connection.Dispose();
            return !_isClosed;
        }
    }

    private sealed class Channel
    {
        /// <summary>Of urgent pages several may be asked for at once; they go one after the other.</summary>
        public SemaphoreSlim Turn { get; } = new(1, 1);

        public PageConnection? Connection { get; set; }

        public void Break()
        {
            Connection?.Dispose();
            Connection = null;
        }
    }
}
