using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Livebed.Grains.Contracts;
using Livebed.Grains.Faults;
using Livebed.Grains.Security;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Livebed.Grains.Wire;

/// <summary>
/// A silo's end of the page connections (QEMU's multifd sockets): listens for connections of other hosts, and keeps all open connections,
/// in both directions, so that they close with the silo. Both ends first show their certificates, or prove that they know the cluster's
/// secret, or both. Then the source sends a token, which names its address space. The destination's host generates the token and gives it
/// to the source's host alone. Connections without a valid token are refused, so no host writes into a guest by accident. All other
/// messages between hosts are grain calls.
/// </summary>
/// <param name="listen">where it listens; port 0 is a free one</param>
/// <param name="advertise">the address that sources are told</param>
/// <param name="answerTimeout">see <see cref="AnswerTimeout"/></param>
/// <param name="log">the silo's</param>
/// <param name="secret">what the other end has to know; null asks for no proof</param>
public sealed class PageWire(
    IPEndPoint listen, IPAddress advertise, ClusterSecret? secret, TimeSpan answerTimeout, ILogger<PageWire> log)
    : IHostedService, IDisposable
{
    /// <summary>Connections from other hosts at one time; more are refused.</summary>
    public const int ConnectionsMax = 1024;

    /// <summary>Connections at one time that have not said yet what they are for. One more closes the one that is silent for the longest:
    /// a host that connects needs milliseconds, so a stranger keeps no host out.</summary>
    public const int UnnamedMax = 64;

    private static readonly TimeSpan HelloTimeoutMax = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<Guid, ChunkHandler> _handlers = new();
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private readonly LinkedList<Socket> _unnamed = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly RefusalLog _refusals = new(log);
    private Socket? _listener;
    private int _accepted;
    private long _refused;

    // Buffers of each size: those of both ends of a migration's channels with their windows, and some for urgent pages.
    private const int BuffersKept = 24;

    /// <summary>The buffers of chunks, in both directions. It is not the shared pool: there every thread and every processor keeps buffers
    /// of its own, which for buffers of this size is several times what is in flight.</summary>
    public ArrayPool<byte> Buffers { get; } = ArrayPool<byte>.Create(PageFrame.ContentBytesMax, BuffersKept);

    /// <summary>With them every connection is one of TLS; null: as it is.</summary>
    public ClusterCertificates? Certificates { get; init; }

    /// <summary>The network to other silos, where a nemesis orders it; null: as it is.</summary>
    public SiloLinks? Links { get; init; }

    /// <summary>Bytes in flight, for measurements.</summary>
    public PageTraffic Traffic { get; } = new();

    /// <summary>How long a chunk's answer or a new connection may take until it counts as lost: as long as a grain call.</summary>
    public TimeSpan AnswerTimeout { get; } = answerTimeout;

    /// <summary>How long a new connection may take to say what it is for: one that says nothing keeps a place from others.</summary>
    internal TimeSpan HelloTimeout { get; } = answerTimeout < HelloTimeoutMax ? answerTimeout : HelloTimeoutMax;

    /// <summary>Connections that were refused because <see cref="ConnectionsMax"/> were open.</summary>
    public long ConnectionsRefused => Interlocked.Read(ref _refused);

    internal CancellationToken Stopping => _stopping.Token;

    /// <summary>How both ends prove themselves; null where they need not.</summary>
    internal PeerHandshake? Handshake { get; } = secret is null ? null : new PeerHandshake(secret, PeerKind.Pages);

    private IPEndPoint Endpoint => (IPEndPoint)_listener!.LocalEndPoint!;

    /// <exception cref="SocketException">The port is in use.</exception>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _listener = new Socket(listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(listen);
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
        CloseConnections();
    }

    /// <summary>From now on this handler takes the chunks of connections that send the new token.</summary>
    public PageEndpoint Open(ChunkHandler handler)
    {
        var token = Guid.NewGuid();
        _handlers[token] = handler;
        return new PageEndpoint(advertise.ToString(), Endpoint.Port, token);
    }

    /// <summary>Refuses new connections with this token, and chunks of connections that are open with it.</summary>
    public void Close(Guid token) => _handlers.TryRemove(token, out _);

    /// <summary>Nothing that was opened before takes chunks any more.</summary>
    public void CloseAll()
    {
        _handlers.Clear();
        CloseConnections();
    }

    /// <summary>Closes every open connection, as a network failure does. New connections can be made.</summary>
    public void CloseConnections()
    {
        foreach (var socket in _sockets.Keys) socket.Dispose();
    }

    internal ChunkHandler? Find(Guid token) => _handlers.GetValueOrDefault(token);

    /// <summary>Registers the socket, so that it closes with the silo. False when the silo has stopped.</summary>
    internal bool TryRegister(Socket socket)
    {
        _sockets[socket] = true;
        if (!_stopping.IsCancellationRequested) return true;
        Close(socket);
        return false;
    }

    internal void Close(Socket socket)
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
                if (!TryRegister(socket)) continue;
                if (Unnamed(socket) is { } silent) Close(silent);
                _ = ServeAsync(socket);
            }
        }
        catch (Exception exception) when (PageConnection.IsBroken(exception))
        {
            if (!_stopping.IsCancellationRequested) log.LogError(exception, "no page connections are accepted any more");
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        var isNamed = false;
        try
        {
            using var receiver = new PageReceiver(this, socket);
            var handler = await receiver.MeetAsync().ConfigureAwait(false);
            Named(socket);
            isNamed = true;
            if (Interlocked.Increment(ref _accepted) > ConnectionsMax)
            {
                log.LogWarning("more than {Max} page connections: one was refused", ConnectionsMax);
                Interlocked.Increment(ref _refused);
                return;
            }

            await receiver.RunAsync(handler).ConfigureAwait(false);
        }
        catch (PeerRefusedException exception)
        {
            _refusals.Refused(PeerKind.Pages, socket.RemoteEndPoint, exception.Message);
        }
        catch (Exception exception) when (PageConnection.IsBroken(exception) || exception is InvalidDataException)
        {
            // The peer closed the connection or does not speak this protocol. It finds the connection closed.
            log.LogDebug(exception, "a page connection ended");
        }
        finally
        {
            if (isNamed) Interlocked.Decrement(ref _accepted);
            else Named(socket);
            Close(socket);
        }
    }

    /// <returns>the one that has to go for it</returns>
    private Socket? Unnamed(Socket socket)
    {
        lock (_unnamed)
        {
            _unnamed.AddLast(socket);
            if (_unnamed.Count <= UnnamedMax) return null;
            var oldest = _unnamed.First!.Value;
            _unnamed.RemoveFirst();
            return oldest;
        }
    }

    private void Named(Socket socket)
    {
        lock (_unnamed) _unnamed.Remove(socket);
    }
}
