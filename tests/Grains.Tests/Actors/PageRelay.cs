using System.Net;
using System.Net.Sockets;
using Livebed.Grains.Contracts;
using Livebed.Grains.Wire;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// The network between two hosts, as a test has it: page connections go through it chunk by chunk, and those that the test holds wait on their way, when the source has read the pages
/// and the destination has not heard of them. Connections do not wait for each other.
/// </summary>
internal sealed class PageRelay : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _end = new();
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Func<ChunkHeader, bool> _isHeld;
    private readonly Func<ChunkHeader, bool> _isAwaited;
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _delivered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IPEndPoint? _destination;

    /// <param name="isHeld">chunks that wait until <see cref="Release"/></param>
    /// <param name="isAwaited">chunks of which <see cref="DeliveredAsync"/> awaits one</param>
    public PageRelay(Func<ChunkHeader, bool> isHeld, Func<ChunkHeader, bool> isAwaited)
    {
        (_isHeld, _isAwaited) = (isHeld, isAwaited);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _ = AcceptAsync();
    }

    /// <summary>Where connections to the destination have to go instead.</summary>
    public PageEndpoint Through(PageEndpoint destination)
    {
        _destination = new IPEndPoint(IPAddress.Parse(destination.Address), destination.Port);
        return destination with { Port = ((IPEndPoint)_listener.LocalEndPoint!).Port };
    }

    /// <summary>Returns when the first chunk is held.</summary>
    public Task ReachedAsync() => _reached.Task.WaitAsync(Patience);

    /// <summary>Returns when a chunk that is awaited has been stored at the destination.</summary>
    public Task DeliveredAsync() => _delivered.Task.WaitAsync(Patience);

    public void Release() => _released.TrySetResult();

    public void Dispose()
    {
        Release();
        _end.Cancel();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = RelayAsync(await _listener.AcceptAsync(_end.Token));
        }
        catch (Exception exception) when (PageConnection.IsBroken(exception))
        {
            // The test is over.
        }
    }

    private async Task RelayAsync(Socket source)
    {
        using var from = source;
        using var to = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var buffer = new byte[PageConnection.HelloBytes];
        try
        {
            await to.ConnectAsync(_destination!, _end.Token);
            await PassAsync(from, to, buffer);
            await PassAsync(to, from, buffer.AsMemory(0, 1));
            while (await ChunkAsync(from, to)) continue;
        }
        catch (Exception exception) when (PageConnection.IsBroken(exception))
        {
            // One end has gone, and with this the other one finds out.
        }
    }

    /// <summary>Relays a chunk and its answer; false when the source has closed the connection, or the destination failed.</summary>
    private async Task<bool> ChunkAsync(Socket from, Socket to)
    {
        var bytes = new byte[PageChunk.HeaderBytes];
        if (!await from.TryFillAsync(bytes, _end.Token)) return false;
        var frame = PageFrame.Read(bytes);
        var rest = new byte[(frame.Pages * sizeof(long)) + frame.ContentBytes];
        await from.FillAsync(rest, _end.Token);
        if (_isHeld(frame.Header))
        {
            _reached.TrySetResult();
            await _released.Task;
        }

        await to.SendAllAsync(bytes, _end.Token);
        await to.SendAllAsync(rest, _end.Token);
        var answer = new byte[1];
        await PassAsync(to, from, answer);
        if (_isAwaited(frame.Header)) _delivered.TrySetResult();
        return answer[0] != PageConnection.Failed;
    }

    private async Task PassAsync(Socket from, Socket to, Memory<byte> bytes)
    {
        await from.FillAsync(bytes, _end.Token);
        await to.SendAllAsync(bytes, _end.Token);
    }
}
