using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Livebed.Grains.Security;

namespace Livebed.Grains.Wire;

/// <summary>
/// Whole messages over the socket of a page connection. Without certificates the kernel copies out of the caller's buffers and into them,
/// and that is all. With certificates what is sent is encrypted into a buffer of the stream first, 16 KiB at a time, and the other way
/// round at the other end.
/// </summary>
internal sealed class PageSocket(Socket socket) : IPeerStream, IDisposable
{
    private SslStream? _tls;

    /// <summary>The end that connects.</summary>
    /// <exception cref="PeerRefusedException">The other end has no certificate of the authority.</exception>
    public Task ConnectAsync(ClusterCertificates certificates, CancellationToken cancellation)
    {
        var verdict = new PeerVerdict();
        return MeetAsync(verdict, tls => tls.AuthenticateAsClientAsync(certificates.ConnectPages(verdict), cancellation));
    }

    /// <summary>The end that was connected to.</summary>
    /// <exception cref="PeerRefusedException">The other end has no certificate of the authority.</exception>
    public Task AcceptAsync(ClusterCertificates certificates, CancellationToken cancellation)
    {
        var verdict = new PeerVerdict();
        return MeetAsync(verdict, tls => tls.AuthenticateAsServerAsync(certificates.AcceptPages(verdict), cancellation));
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation) =>
        _tls is null ? socket.SendAllAsync(bytes, cancellation) : _tls.WriteAsync(bytes, cancellation);

    /// <exception cref="EndOfStreamException">The other end closed the connection before.</exception>
    public ValueTask FillAsync(Memory<byte> bytes, CancellationToken cancellation) =>
        _tls is null ? socket.FillAsync(bytes, cancellation) : _tls.ReadExactlyAsync(bytes, cancellation);

    /// <summary>False when the other end closed the connection instead of sending another message.</summary>
    public ValueTask<bool> TryFillAsync(Memory<byte> bytes, CancellationToken cancellation) =>
        _tls is null ? socket.TryFillAsync(bytes, cancellation) : TryFillAsync(_tls, bytes, cancellation);

    /// <summary>What TLS holds; the socket is closed by its owner, and before.</summary>
    public void Dispose() => _tls?.Dispose();

    private async Task MeetAsync(PeerVerdict verdict, Func<SslStream, Task> handshake)
    {
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: false), leaveInnerStreamOpen: false);
        _tls = tls;
        try
        {
            await handshake(tls).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is AuthenticationException or IOException)
        {
            throw new PeerRefusedException(verdict.Reason);
        }
    }

    private static async ValueTask<bool> TryFillAsync(SslStream tls, Memory<byte> bytes, CancellationToken cancellation)
    {
        var received = await tls.ReadAsync(bytes, cancellation).ConfigureAwait(false);
        if (received == 0) return false;
        await tls.ReadExactlyAsync(bytes[received..], cancellation).ConfigureAwait(false);
        return true;
    }
}
