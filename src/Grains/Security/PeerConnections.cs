using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Livebed.Grains.Security;

/// <summary>
/// The handshake on the connections of Orleans: between silos, and between drivers and gateways. A connection that has not proved itself
/// reaches nothing of Orleans. At most <see cref="UnprovenMax"/> of a silo are under way at one time; more are closed at once.
/// </summary>
internal static class PeerConnections
{
    public const int UnprovenMax = 256;

    /// <summary>For connections that come in.</summary>
    public static void UseAccepted(this IConnectionBuilder builder, ClusterSecret secret, PeerKind kind)
    {
        var handshake = new PeerHandshake(secret, kind);
        var log = new RefusalLog(builder.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger<PeerHandshake>());
        var unproven = 0;
        builder.Use(next => async context =>
        {
            try
            {
                if (Interlocked.Increment(ref unproven) > UnprovenMax)
                    throw new PeerRefusedException("too many connections are being made");
                await handshake.AcceptAsync(new PipeStream(context.Transport), context.ConnectionClosed);
            }
            catch (Exception failure) when (IsRefusal(failure))
            {
                log.Refused(kind, context.RemoteEndPoint, failure.Message);
                context.Abort(new ConnectionAbortedException("the peer is none of the cluster"));
                return;
            }
            finally
            {
                Interlocked.Decrement(ref unproven);
            }

            await next(context);
        });
    }

    /// <summary>For connections that go out.</summary>
    public static void UseConnecting(this IConnectionBuilder builder, ClusterSecret secret, PeerKind kind)
    {
        var handshake = new PeerHandshake(secret, kind);
        builder.Use(next => async context =>
        {
            try
            {
                await handshake.ConnectAsync(new PipeStream(context.Transport), context.ConnectionClosed);
            }
            catch (Exception failure) when (IsRefusal(failure))
            {
                context.Abort(new ConnectionAbortedException("the peer is none of the cluster"));
                throw new ConnectionAbortedException($"{context.RemoteEndPoint}: {failure.Message}", failure);
            }

            await next(context);
        });
    }

    private static bool IsRefusal(Exception failure) =>
        failure is PeerRefusedException or IOException or OperationCanceledException or InvalidOperationException;

    private sealed class PipeStream(IDuplexPipe pipe) : IPeerStream
    {
        public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation) =>
            await pipe.Output.WriteAsync(bytes, cancellation).ConfigureAwait(false);

        public async ValueTask FillAsync(Memory<byte> bytes, CancellationToken cancellation)
        {
            var read = await pipe.Input.ReadAtLeastAsync(bytes.Length, cancellation).ConfigureAwait(false);
            if (read.Buffer.Length < bytes.Length)
            {
                pipe.Input.AdvanceTo(read.Buffer.End);
                throw new EndOfStreamException("the connection was closed in the middle of the handshake");
            }

            var wanted = read.Buffer.Slice(0, bytes.Length);
            var at = 0;
            foreach (var part in wanted)
            {
                part.CopyTo(bytes[at..]);
                at += part.Length;
            }

            pipe.Input.AdvanceTo(wanted.End);
        }
    }
}
