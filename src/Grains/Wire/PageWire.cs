using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Livebed.Grains.Contracts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Livebed.Grains.Wire;

/// <summary>
/// A silo's end of the page connections (QEMU's multifd sockets): listens for those of other hosts, and knows all that are open, in both
/// directions, so that they close with the silo. A connection says first which address space it is for, by a token that the destination's
/// host made up and gave to the source's alone; without one it is refused, so nobody writes into a guest by accident. Everything else that
/// hosts say to each other goes by grain calls.
/// </summary>
public sealed class PageWire(IPAddress address, int port, TimeSpan answerTimeout, ILogger<PageWire> log) : IHostedService, IDisposable
{
    /// <summary>Connections from other hosts at one time; more are refused.</summary>
    public const int ConnectionsMax = 1024;

    private readonly ConcurrentDictionary<Guid, ChunkHandler> _doors = new();
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private readonly CancellationTokenSource _stopping = new();
    private Socket? _listener;
    private int _accepted;

    // Of each size: two for every channel of a migration, and some for urgent pages.
    private const int BuffersKept = 16;

    /// <summary>The buffers of chunks, out and in. Not the shared pool, in which every thread and every processor keeps some that the
    /// others cannot have: as large as these are that is several times what is in flight.</summary>
    public ArrayPool<byte> Buffers { get; } = ArrayPool<byte>.Create(PageFrame.ContentBytesMax, BuffersKept);

    /// <summary>What is on its way, for those who measure.</summary>
    public PageTraffic Traffic { get; } = new();

    /// <summary>How long a chunk's answer, or a connection, may take until it counts as lost; that of a grain call.</summary>
    public TimeSpan AnswerTimeout { get; } = answerTimeout;

    internal CancellationToken Stopping => _stopping.Token;

    private IPEndPoint Endpoint => (IPEndPoint)_listener!.LocalEndPoint!;

    /// <exception cref="SocketException">The port is in use.</exception>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(address, port));
        _listener.Listen();
        _ = AcceptAsync(_listener);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        if (_stopping.IsCancellationRequested) return;
        _stopping.Cancel();
        _listener?.Dispose();
        Cut();
    }

    /// <summary>From now on chunks of connections that know the token go through this door.</summary>
    public PageEndpoint Open(ChunkHandler door)
    {
        var token = Guid.NewGuid();
        _doors[token] = door;
        return new PageEndpoint(Endpoint.Address.ToString(), Endpoint.Port, token);
    }

    /// <summary>No new connection is let in with this token; those that are open find nobody who takes their chunks.</summary>
    public void Close(Guid token) => _doors.TryRemove(token, out _);

    /// <summary>Closes every connection that is open, as a network that fails would; new ones can be made.</summary>
    public void Cut()
    {
        foreach (var socket in _sockets.Keys) socket.Dispose();
    }

    internal ChunkHandler? Find(Guid token) => _doors.GetValueOrDefault(token);

    /// <summary>Closes with the silo; false when that has stopped.</summary>
    internal bool Keep(Socket socket)
    {
        _sockets[socket] = true;
        if (!_stopping.IsCancellationRequested) return true;
        Drop(socket);
        return false;
    }

    internal void Drop(Socket socket)
    {
        _sockets.TryRemove(socket, out _);
        socket.Dispose();
    }

    private async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                var socket = await listener.AcceptAsync(Stopping).ConfigureAwait(false);
                if (Interlocked.Increment(ref _accepted) <= ConnectionsMax && Keep(socket))
                {
                    _ = ServeAsync(socket);
                    continue;
                }

                log.LogWarning("more than {Max} page connections: one was refused", ConnectionsMax);
                Interlocked.Decrement(ref _accepted);
                socket.Dispose();
            }
        }
        catch (Exception exception) when (PageConnection.IsBroken(exception))
        {
            if (!_stopping.IsCancellationRequested) log.LogError(exception, "no page connections are accepted any more");
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        try
        {
            await new PageReceiver(this, socket).RunAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (PageConnection.IsBroken(exception) || exception is InvalidDataException)
        {
            // The other end went away, or never was one of ours: it finds the connection closed.
            log.LogDebug(exception, "a page connection ended");
        }
        finally
        {
            Interlocked.Decrement(ref _accepted);
            Drop(socket);
        }
    }
}
