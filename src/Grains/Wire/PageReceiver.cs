using System.Buffers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Livebed.Grains.Contracts;
using Livebed.Grains.Security;
using Livebed.Kvm.Host.Streams;

namespace Livebed.Grains.Wire;

/// <summary>Takes the chunks of connections that sent the right token: an address space of a host. Runs on any thread; completes when the
/// chunk has been stored or refused.</summary>
/// <param name="op">the operation that sends the chunk</param>
/// <param name="chunk">in buffers that the receiver may use until it answers</param>
/// <param name="isIntact">whether its checksum is right</param>
public delegate Task<StreamStatus> ChunkHandler(OperationMessage op, PageChunk chunk, bool isIntact);

/// <summary>
/// The destination's end of one page connection: reads a chunk into pooled buffers, computes its checksum outside of any grain's turn,
/// gives it to the handler and answers when it has been stored. It reads the next chunk only then. So a slow destination fills at most the
/// kernel's socket buffers, and the sender waits.
/// </summary>
internal sealed class PageReceiver(PageWire wire, Socket socket) : IDisposable
{
    private readonly PageSocket _messages = new(socket);
    private readonly byte[] _frame = new byte[PageChunk.HeaderBytes];
    private readonly byte[] _entryBytes = new byte[PageChunk.PagesMax * sizeof(long)];
    private readonly byte[] _answer = new byte[PageConnection.AnswerBytesMax];

    /// <summary>The other end proves itself and says what the connection is for.</summary>
    /// <returns>null when it is for nothing that is here, or the other end has closed the connection</returns>
    /// <exception cref="PeerRefusedException">It has no certificate of the cluster's authority, or does not know the secret.</exception>
    public async Task<ChunkHandler?> MeetAsync()
    {
        socket.NoDelay = true;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(wire.Stopping);
        patience.CancelAfter(wire.HelloTimeout);
        if (wire.Certificates is { } certificates) await _messages.AcceptAsync(certificates, patience.Token).ConfigureAwait(false);
        if (wire.Handshake is { } handshake) await handshake.AcceptAsync(_messages, patience.Token).ConfigureAwait(false);
        var hello = new byte[PageConnection.HelloBytes];
        if (!await _messages.TryFillAsync(hello, patience.Token).ConfigureAwait(false)) return null;
        return hello.AsSpan().StartsWith(PageConnection.Magic) ? wire.Find(new Guid(hello.AsSpan(PageConnection.Magic.Length))) : null;
    }

    /// <summary>Answers what the connection is for. Returns when the other end has closed it, or was refused.</summary>
    /// <param name="handler">null refuses it</param>
    public async Task RunAsync(ChunkHandler? handler)
    {
        _answer[0] = handler is null ? PageConnection.TokenRefused : PageConnection.TokenAccepted;
        await _messages.SendAsync(_answer.AsMemory(0, 1), wire.Stopping).ConfigureAwait(false);
        if (handler is null) return;
        while (await _messages.TryFillAsync(_frame, wire.Stopping).ConfigureAwait(false))
            await ReceiveChunkAsync(handler).ConfigureAwait(false);
    }

    /// <summary>What TLS holds; the socket is the wire's.</summary>
    public void Dispose() => _messages.Dispose();

    private async Task ReceiveChunkAsync(ChunkHandler handler)
    {
        var frame = PageFrame.Read(_frame);
        var entries = ArrayPool<long>.Shared.Rent(frame.Pages);
        var content = wire.Buffers.Rent(frame.ContentBytes);
        wire.Traffic.Add(frame.ContentBytes);
        try
        {
            await _messages.FillAsync(_entryBytes.AsMemory(0, frame.Pages * sizeof(long)), wire.Stopping).ConfigureAwait(false);
            MemoryMarshal.Cast<byte, long>(_entryBytes.AsSpan(0, frame.Pages * sizeof(long))).CopyTo(entries);
            await _messages.FillAsync(content.AsMemory(0, frame.ContentBytes), wire.Stopping).ConfigureAwait(false);
            var chunk = new PageChunk(
                frame.Header, entries.AsMemory(0, frame.Pages), content.AsMemory(0, frame.ContentBytes), frame.Checksum);
            var answer = await AnswerAsync(handler, frame, chunk).ConfigureAwait(false);
            await _messages.SendAsync(answer, wire.Stopping).ConfigureAwait(false);
        }
        finally
        {
            wire.Traffic.Remove(frame.ContentBytes);
            wire.Buffers.Return(content);
            ArrayPool<long>.Shared.Return(entries);
        }
    }

    /// <summary>A status; of a defect, what it says, so that the sender fails as the caller of a method would.</summary>
    private async Task<ReadOnlyMemory<byte>> AnswerAsync(ChunkHandler handler, PageFrame frame, PageChunk chunk)
    {
        try
        {
            _answer[0] = (byte)await handler(frame.Operation, chunk, chunk.IsIntact).ConfigureAwait(false);
            return _answer.AsMemory(0, 1);
        }
        catch (Exception exception) when (GrainCall.IsLost(exception))
        {
            _answer[0] = (byte)StreamStatus.Lost;
            return _answer.AsMemory(0, 1);
        }
        catch (Exception exception)
        {
            var says = $"{exception.GetType().Name}: {exception.Message}";
            _answer[0] = PageConnection.Failed;
            _answer[1] = (byte)Encoding.UTF8.GetBytes(
                says.AsSpan(0, Math.Min(says.Length, PageConnection.FailureCharactersMax)), _answer.AsSpan(2));
            return _answer.AsMemory(0, 2 + _answer[1]);
        }
    }
}
