using System.Net.Sockets;

namespace Livebed.Grains.Wire;

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
