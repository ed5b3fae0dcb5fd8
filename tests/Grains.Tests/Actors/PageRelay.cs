using Livebed.Grains.Actors;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Livebed.Grains.Contracts;
using Livebed.Grains.Security;
using Livebed.Grains.Wire;
using Livebed.Kvm.Host.Streams;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// The network between two hosts, where a test wants a say in when a chunk of pages arrives. It stands where a router would: a host that is
/// asked where it takes pages names the relay's port instead of its own, and the relay passes on, chunk by chunk and answer by answer, what
/// is not held. Hosts of which nothing is held are connected as always.
/// </summary>
internal sealed class PageRelay : IIncomingGrainCallFilter, IDisposable
{
    private readonly ConcurrentDictionary<string, HeldChunks> _held = new();
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Chunks that are sent to the host from now on and that <paramref name="isMeant"/> says wait until they are released; to be
    /// called before the migration begins.</summary>
    public HeldChunks Hold(string hostKey, Func<PageChunk, bool> isMeant)
    {
        var held = new HeldChunks($"a chunk to {hostKey}", isMeant);
        Assert.True(_held.TryAdd(hostKey, held), $"chunks to {hostKey} are held already");
        return held;
    }

    public async Task Invoke(IIncomingGrainCallContext context)
    {
        await context.Invoke();
        if (_held.IsEmpty
            || context.MethodName != nameof(IHostStreamsGrain.IncomingPagesAsync)
            || !_held.TryGetValue(context.TargetId.Key.ToString()!, out var held))
            return;
        if (context.Result is PageEndpoint endpoint) context.Result = endpoint with { Port = Listen(endpoint, held) };
    }

    public void Dispose()
    {
        _stopping.Cancel();
        foreach (var socket in _sockets.Keys) socket.Dispose();
    }

    /// <summary>One connection, since the question was for one.</summary>
    private int Listen(PageEndpoint endpoint, HeldChunks held)
    {
        var listener = New(IPAddress.Parse(endpoint.Address));
        listener.Bind(new IPEndPoint(IPAddress.Parse(endpoint.Address), 0));
        listener.Listen();
        _ = RunAsync(listener, endpoint, held);
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    private async Task RunAsync(Socket listener, PageEndpoint endpoint, HeldChunks held)
    {
        Socket? from = null;
        var to = New(IPAddress.Parse(endpoint.Address));
        try
        {
            from = await listener.AcceptAsync(_stopping.Token);
            _sockets[from] = true;
            from.NoDelay = true;
            await to.ConnectAsync(IPAddress.Parse(endpoint.Address), endpoint.Port, _stopping.Token);
            await PassAsync(from, to, PeerHandshake.HelloBytes);
            await PassAsync(to, from, PeerHandshake.AnswerBytes);
            await PassAsync(from, to, PeerHandshake.ProofBytes);
            await PassAsync(from, to, PageConnection.HelloBytes);
            await PassAsync(to, from, 1);
            while (await TakeAsync(from) is { } taken)
            {
                await held.PassAsync(taken.Chunk);
                await to.SendAllAsync(taken.Bytes, _stopping.Token);
                await PassAnswerAsync(to, from);
                held.Answered(taken.Chunk);
            }
        }
        catch (Exception exception) when (PageConnection.IsBroken(exception))
        {
            // One end has gone; closing both tells the other.
        }
        finally
        {
            foreach (var socket in new[] { listener, to, from }.OfType<Socket>())
            {
                _sockets.TryRemove(socket, out _);
                socket.Dispose();
            }
        }
    }

    private async Task<(PageChunk Chunk, ReadOnlyMemory<byte> Bytes)?> TakeAsync(Socket from)
    {
        var header = new byte[PageChunk.HeaderBytes];
        if (!await from.TryFillAsync(header, _stopping.Token)) return null;
        var frame = PageFrame.Read(header);
        var bytes = new byte[header.Length + (frame.Pages * sizeof(long)) + frame.ContentBytes];
        header.CopyTo(bytes, 0);
        await from.FillAsync(bytes.AsMemory(header.Length), _stopping.Token);
        var entries = MemoryMarshal.Cast<byte, long>(bytes.AsSpan(header.Length, frame.Pages * sizeof(long))).ToArray();
        return (new PageChunk(frame.Header, entries, bytes.AsMemory(bytes.Length - frame.ContentBytes), frame.Checksum), bytes);
    }

    private async Task PassAnswerAsync(Socket to, Socket from)
    {
        if (await PassAsync(to, from, 1) is [PageConnection.Failed] && await PassAsync(to, from, 1) is [var length])
            await PassAsync(to, from, length);
    }

    private async Task<byte[]> PassAsync(Socket from, Socket to, int count)
    {
        var bytes = new byte[count];
        await from.FillAsync(bytes, _stopping.Token);
        await to.SendAllAsync(bytes, _stopping.Token);
        return bytes;
    }

    private Socket New(IPAddress address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _sockets[socket] = true;
        return socket;
    }
}
