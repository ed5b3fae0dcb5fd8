using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Tests.Hosting;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Telemetry;

/// <summary>Traces of a real cluster of two silos with grains that call each other.</summary>
[Collection(TracingCollection.Name)]
public sealed class ClusterTracingTests
{
    [Fact]
    public async Task Every_exported_span_belongs_to_a_tree_whose_root_is_ours()
    {
        var exported = await RunAsync(ratio: 0.5, operations: 40);
        var byId = exported.ToDictionary(span => span.SpanId);
        Assert.Contains(exported, span => span.Source.Name == "Microsoft.Orleans.Application" && span.Kind == ActivityKind.Server);
        foreach (var span in exported)
        {
            var root = span;
            while (root.ParentSpanId != default) root = byId[root.ParentSpanId];
            Assert.Equal(LivebedTelemetry.SourceName, root.Source.Name);
        }

        // A half of 40: neither none nor all, or the ratio is not what decides.
        var roots = exported.Count(span => span.ParentSpanId == default);
        Assert.InRange(roots, 1, 39);
    }

    [Fact]
    public async Task With_ratio_zero_nothing_is_exported() => Assert.Empty(await RunAsync(ratio: 0, operations: 10));

    [Fact]
    public async Task Traces_and_metrics_arrive_at_a_collector_under_the_services_name()
    {
        var bodies = new ConcurrentDictionary<string, byte[]>();
        // At shutdown the exporter drops what it could not send in time, which can happen on a busy machine. And another process may take a
        // free port before the test listens on it.
        for (var attempt = 0; attempt < 10 && bodies.Count < 2; attempt++) await CollectAsync(bodies);
        foreach (var path in (string[])["/v1/traces", "/v1/metrics"])
            Assert.Contains(TelemetrySetup.DriverService, Encoding.UTF8.GetString(bodies[path]), StringComparison.Ordinal);
        Assert.Contains("kvm.op.unmap", Encoding.UTF8.GetString(bodies["/v1/traces"]), StringComparison.Ordinal);
        Assert.Contains(MetricNames.OperationLatency, Encoding.UTF8.GetString(bodies["/v1/metrics"]), StringComparison.Ordinal);
    }

    private static async Task CollectAsync(ConcurrentDictionary<string, byte[]> bodies)
    {
        var port = SiloPorts.FindFree(1)[0].Silo;
        using var collector = new HttpListener { Prefixes = { $"http://127.0.0.1:{port}/" } };
        try
        {
            collector.Start();
        }
        catch (HttpListenerException)
        {
            return;
        }

        var serving = ServeAsync(collector, bodies);
        await using (var cluster = await EmbeddedCluster.StartAsync(
            new ClusterSettings { Silos = 1, SampleRatio = 1, Telemetry = new() { Otlp = new Uri($"http://127.0.0.1:{port}") } }))
            await OperateAsync(cluster, 1);
        collector.Stop();
        await serving;
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("silent")]
    [InlineData("refusing")]
    public async Task A_collector_that_is_missing_silent_or_refuses_neither_fails_nor_holds_up_a_run_nor_takes_from_its_file(string kind)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        if (kind == "missing") listener.Stop();
        var refusing = kind == "refusing" ? RefuseAsync(listener) : Task.CompletedTask;
        var folder = Directory.CreateTempSubdirectory("livebed-collector-");
        using var file = new TraceFile(Path.Combine(folder.FullName, "t.partial"));
        var cluster = await EmbeddedCluster.StartAsync(new ClusterSettings
        {
            Silos = 1,
            SampleRatio = 1,
            Telemetry = new() { Otlp = new Uri($"http://127.0.0.1:{port}"), File = file },
        });
        await OperateAsync(cluster, 50);
        var stop = Stopwatch.StartNew();
        await cluster.DisposeAsync();

        // Each of the two hosts may take its bound of 2.4 s. One that waited for the collector would take the exporter's own 10 s at least.
        Assert.InRange(stop.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(9));
        file.Complete(Path.Combine(folder.FullName, "t"));
        Assert.Equal((null, 0), (file.Failure, file.Dropped));
        var text = await File.ReadAllTextAsync(Path.Combine(folder.FullName, "t"));
        Assert.Equal(50, text.Split("\"kvm.op.unmap\"").Length - 1);
        Assert.Contains("\"silo-0\"", text, StringComparison.Ordinal);
        folder.Delete(recursive: true);
        listener.Stop();
        await refusing;
    }

    private static async Task RefuseAsync(TcpListener listener)
    {
        try
        {
            for (; ; )
            {
                using var client = await listener.AcceptTcpClientAsync();
                await client.GetStream()
                    .WriteAsync("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
            }
        }
        catch (Exception failure) when (failure is SocketException or IOException or ObjectDisposedException)
        {
            // The test is over, or the client has gone.
        }
    }

    private static async Task<List<Activity>> RunAsync(double ratio, int operations)
    {
        var exported = new List<Activity>();
        var settings = new ClusterSettings
        {
            Silos = 2,
            SampleRatio = ratio,
            Telemetry = new()
            {
                Spans = span =>
                {
                    lock (exported) exported.Add(span);
                },
            },
        };
        await using (var cluster = await EmbeddedCluster.StartAsync(settings)) await OperateAsync(cluster, operations);
        return exported;
    }

    private static async Task OperateAsync(EmbeddedCluster cluster, int operations)
    {
        Activity.Current = null;
        var grain = cluster.Client.GetGrain<IPlaceGrain>(ActorKeys.Host(0));
        for (var i = 1; i <= operations; i++)
        {
            using var span = LivebedTelemetry.StartOperation(HostEventKind.Unmap, new OperationId(i));
            await grain.RelayAsync([ActorKeys.Vm(0, 0, 0), ActorKeys.Vcpu(0, 0, 0, 0)]);
            span.Outcome = OperationOutcome.Ok;
        }

        // Calls outside of any operation: Orleans' spans for these would be roots of their own.
        for (var i = 0; i < 20; i++) await grain.RelayAsync([ActorKeys.Vm(0, 0, 0)]);
    }

    private static async Task ServeAsync(HttpListener collector, ConcurrentDictionary<string, byte[]> bodies)
    {
        while (collector.IsListening)
        {
            HttpListenerContext request;
            try
            {
                request = await collector.GetContextAsync();
            }
            catch (Exception failure) when (failure is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            using var body = new MemoryStream();
            await request.Request.InputStream.CopyToAsync(body);
            bodies.AddOrUpdate(request.Request.Url!.AbsolutePath, body.ToArray(), (_, before) => [.. before, .. body.ToArray()]);
            request.Response.Close();
        }
    }
}
