using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Livebed.Grains.Faults;

/// <summary>
/// Puts a silo's <see cref="SiloLinks"/> into the connections that it makes to others, below everything else of the connection: the
/// handshake of a new connection is held back too. Two pumps, one for each way, carry the bytes through.
/// </summary>
internal static class GatedConnections
{
    /// <summary>How long the pumps of a connection that is over may take to end.</summary>
    private static readonly TimeSpan CloseMax = TimeSpan.FromSeconds(1);

    /// <summary>For connections that go out.</summary>
    public static void UseLinks(this IConnectionBuilder builder, SiloLinks links) => builder.Use(next => async context =>
    {
        if (context.RemoteEndPoint is not IPEndPoint other)
        {
            await next(context);
            return;
        }

        var wire = context.Transport;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(context.ConnectionClosed);
        var (sent, received) = (new Pipe(), new Pipe());
        var pumping = Task.WhenAll(
            PumpAsync(sent.Reader, wire.Output, bytes => links.PassAsync(other.Port, LinkWay.To, bytes, over.Token), over.Token),
            PumpAsync(wire.Input, received.Writer, bytes => links.PassAsync(other.Port, LinkWay.From, bytes, over.Token), over.Token));
        context.Transport = new Ends(received.Reader, sent.Writer);
        try
        {
            await next(context);
        }
        finally
        {
            // What the silo wrote last still goes, unless the link holds it back.
            await sent.Writer.CompleteAsync();
            await received.Reader.CompleteAsync();
            await pumping.WaitAsync(CloseMax).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await over.CancelAsync();
            await pumping;
            context.Transport = wire;
        }
    });

    private static async Task PumpAsync(PipeReader from, PipeWriter to, Func<long, ValueTask> passAsync, CancellationToken over)
    {
        Exception? broken = null;
        try
        {
            for (; ; )
            {
                var read = await from.ReadAsync(over).ConfigureAwait(false);
                if (read.IsCanceled) break;
                if (!read.Buffer.IsEmpty) await passAsync(read.Buffer.Length).ConfigureAwait(false);
                foreach (var part in read.Buffer) await to.WriteAsync(part, over).ConfigureAwait(false);
                from.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) break;
            }
        }
        catch (Exception exception)
        {
            // Whatever breaks the connection reaches its other half by the completion below, which is how pipes tell it.
            broken = exception;
        }

        await from.CompleteAsync(broken).ConfigureAwait(false);
        await to.CompleteAsync(broken).ConfigureAwait(false);
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
