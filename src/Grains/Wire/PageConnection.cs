using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Livebed.Grains.Contracts;
using Livebed.Grains.Security;
using Livebed.Kvm.Host.Streams;

namespace Livebed.Grains.Wire;

/// <summary>
/// The source's end of one page connection: sends a chunk out of the buffers in which it lies and waits for its answer. The next chunk may
/// be sent before that; answers come in the order of the chunks. Whatever goes wrong with the connection ends it; what was on its way is
/// lost as far as the sender knows, and may have been stored.
/// </summary>
internal sealed class PageConnection : IDisposable
{
    public const int HelloBytes = 24;
    public const byte TokenAccepted = 1;
    public const byte TokenRefused = 0;

    /// <summary>Instead of a status: the receiver failed, and a length and a text say how.</summary>
    public const byte Failed = byte.MaxValue;

    /// <summary>So many characters fit into a byte of length, whatever they are.</summary>
    public const int FailureCharactersMax = 85;

    public const int AnswerBytesMax = 2 + byte.MaxValue;

    private readonly PageWire _wire;
    private readonly Socket _socket;
    private readonly PageSocket _messages;
    private readonly byte[] _frame = new byte[PageChunk.HeaderBytes + (PageChunk.PagesMax * sizeof(long))];
    private readonly byte[] _answer = new byte[AnswerBytesMax];
    private readonly SemaphoreSlim _sending = new(1, 1);
    private Task _answered = Task.CompletedTask;

    private PageConnection(PageWire wire, Socket socket) => (_wire, _socket, _messages) = (wire, socket, new PageSocket(socket));

    /// <summary>The first bytes of a connection; then the token.</summary>
    public static ReadOnlySpan<byte> Magic => "livebed1"u8;

    /// <summary>What a socket throws when the other end is gone, does not answer in time or is none of the cluster, or this silo
    /// stops.</summary>
    public static bool IsBroken(Exception exception) => exception is SocketException or IOException
        or OperationCanceledException or ObjectDisposedException or PeerRefusedException;

    /// <summary>Null when the token was refused.</summary>
    public static async Task<PageConnection?> OpenAsync(PageWire wire, PageEndpoint endpoint, CancellationToken cancellation)
    {
        var address = IPAddress.Parse(endpoint.Address);
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var connection = new PageConnection(wire, socket);
        try
        {
            if (!wire.TryRegister(socket)) throw new OperationCanceledException(wire.Stopping);
            await socket.ConnectAsync(new IPEndPoint(address, endpoint.Port), cancellation).ConfigureAwait(false);
            if (wire.Certificates is { } certificates)
                await connection._messages.ConnectAsync(certificates, cancellation).ConfigureAwait(false);
            if (wire.Handshake is { } handshake) await handshake.ConnectAsync(connection._messages, cancellation).ConfigureAwait(false);
            if (await connection.SendTokenAsync(endpoint.Token, cancellation).ConfigureAwait(false)) return connection;
            connection.Dispose();
            return null;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Safe from any thread, several at once.</summary>
    /// <exception cref="InvalidOperationException">The receiver failed: a defect there.</exception>
    public async Task<StreamStatus> SendAsync(OperationMessage op, PageChunk chunk, CancellationToken cancellation)
    {
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            var before = await SendChunkAsync(op, chunk, answered.Task, cancellation).ConfigureAwait(false);
            await before.WaitAsync(cancellation).ConfigureAwait(false);
            var failure = await ReadAnswerAsync(cancellation).ConfigureAwait(false);
            var status = (StreamStatus)_answer[0];
            _ = answered.TrySetResult();
            return failure is null ? status : throw new InvalidOperationException($"the destination failed with {failure}");
        }
        finally
        {
            // Without its answer nobody knows which one the next is.
            _ = answered.TrySetCanceled(CancellationToken.None);
        }
    }

    public void Dispose()
    {
        _wire.Close(_socket);
        _messages.Dispose();
    }

    /// <returns>completes when the chunk before has its answer</returns>
    private async Task<Task> SendChunkAsync(OperationMessage op, PageChunk chunk, Task answered, CancellationToken cancellation)
    {
        await _sending.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            PageFrame.Of(op, chunk).WriteTo(_frame);
            var entries = MemoryMarshal.AsBytes(chunk.Pages.Span);
            entries.CopyTo(_frame.AsSpan(PageChunk.HeaderBytes));
            await _messages.SendAsync(_frame.AsMemory(0, PageChunk.HeaderBytes + entries.Length), cancellation).ConfigureAwait(false);
            await _messages.SendAsync(chunk.Content, cancellation).ConfigureAwait(false);
            (var before, _answered) = (_answered, answered);
            return before;
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Into <see cref="_answer"/>.</summary>
    /// <returns>how the receiver failed; null for a status</returns>
    private async Task<string?> ReadAnswerAsync(CancellationToken cancellation)
    {
        await _messages.FillAsync(_answer.AsMemory(0, 1), cancellation).ConfigureAwait(false);
        if (_answer[0] != Failed) return null;
        await _messages.FillAsync(_answer.AsMemory(1, 1), cancellation).ConfigureAwait(false);
        await _messages.FillAsync(_answer.AsMemory(2, _answer[1]), cancellation).ConfigureAwait(false);
        return Encoding.UTF8.GetString(_answer, 2, _answer[1]);
    }

    private async Task<bool> SendTokenAsync(Guid token, CancellationToken cancellation)
    {
        var hello = new byte[HelloBytes];
        Magic.CopyTo(hello);
        token.TryWriteBytes(hello.AsSpan(Magic.Length));
        await _messages.SendAsync(hello, cancellation).ConfigureAwait(false);
        await _messages.FillAsync(_answer.AsMemory(0, 1), cancellation).ConfigureAwait(false);
        return _answer[0] == TokenAccepted;
    }
}

/// <summary>Whole messages over a stream socket. Every wait is left by a token: the owner's end, or a time limit.</summary>
internal static class PageSockets
{
    public static async ValueTask SendAllAsync(this Socket socket, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        while (bytes.Length > 0) bytes = bytes[await socket.SendAsync(bytes, cancellation).ConfigureAwait(false)..];
    }

    /// <exception cref="EndOfStreamException">The other end closed the connection before.</exception>
    public static async ValueTask FillAsync(this Socket socket, Memory<byte> bytes, CancellationToken cancellation)
    {
        while (bytes.Length > 0)
        {
            var received = await socket.ReceiveAsync(bytes, cancellation).ConfigureAwait(false);
            if (received == 0) throw new EndOfStreamException("the connection was closed in the middle of a message");
            bytes = bytes[received..];
        }
    }

    /// <summary>False when the other end closed the connection instead of sending another message.</summary>
    public static async ValueTask<bool> TryFillAsync(this Socket socket, Memory<byte> bytes, CancellationToken cancellation)
    {
        var received = await socket.ReceiveAsync(bytes, cancellation).ConfigureAwait(false);
        if (received == 0) return false;
        await socket.FillAsync(bytes[received..], cancellation).ConfigureAwait(false);
        return true;
    }
}
