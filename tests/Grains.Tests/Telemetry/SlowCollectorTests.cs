using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Telemetry;

/// <summary>A collector that takes spans and never answers costs what ends a span nothing, and the file none.</summary>
[Collection(TracingCollection.Name)]
public sealed class SlowCollectorTests
{
    private const int Spans = 20_000;

    /// <summary>Requests without which so many spans could not have ended if a full queue were waited for: it has room for 4,096, and a
    /// request takes 512.</summary>
    private const int RequestsIfWaitedFor = (Spans - 4_096) / 512;

    [Fact]
    public async Task Spans_end_while_a_collector_has_not_answered_the_first_of_them()
    {
        using var collector = new TcpListener(IPAddress.Loopback, 0);
        collector.Start();
        var requests = 0;
        var accepting = AcceptAsync(collector, () => Interlocked.Increment(ref requests));
        var folder = Directory.CreateTempSubdirectory("livebed-slow-");
        using var file = new TraceFile(Path.Combine(folder.FullName, "t.partial"));
        var targets = new TelemetryTargets
        {
            Otlp = new Uri($"http://127.0.0.1:{((IPEndPoint)collector.LocalEndpoint).Port}"),
            File = file,
        };
        using (var pipeline = new SpanPipeline(new SpanOrigin("a-test", "it"), targets, new RootSampler(ratio: 1)))
        {
            await pipeline.StartAsync(CancellationToken.None);
            Activity.Current = null;
            for (var i = 0; i < Spans; i++) LivebedTelemetry.StartOperation(HostEventKind.Unmap, new OperationId(i + 1)).Dispose();
            Assert.InRange(Volatile.Read(ref requests), 0, RequestsIfWaitedFor - 1);
            await pipeline.StopAsync(CancellationToken.None);
        }

        file.Complete(Path.Combine(folder.FullName, "t"));
        Assert.Equal((Spans, 0, null), (file.Spans, file.Dropped, file.Failure));
        folder.Delete(recursive: true);
        collector.Stop();
        await accepting;
    }

    /// <summary>A request that is given up closes its connection, so there are as many of both.</summary>
    private static async Task AcceptAsync(TcpListener listener, Action accepted)
    {
        var clients = new List<TcpClient>();
        try
        {
            for (; ; )
            {
                clients.Add(await listener.AcceptTcpClientAsync());
                accepted();
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            clients.ForEach(client => client.Dispose());
        }
    }
}
