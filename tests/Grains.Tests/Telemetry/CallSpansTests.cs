using System.Diagnostics;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Tests.Hosting;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Telemetry;

/// <summary>What grain calls leave in a trace, and what they ask where there is none. Each goes from the driver to and fro between two
/// silos.</summary>
[Collection(TracingCollection.Name)]
public sealed class CallSpansTests
{
    private const string Calls = "Microsoft.Orleans.Application";
    private const string Interface = "Livebed.Grains.Tests.Hosting.IPlaceGrain";

    private static readonly string[] Relay = [ActorKeys.Host(1), ActorKeys.Host(0), ActorKeys.Host(1)];

    [Fact]
    public async Task A_call_that_belongs_to_no_trace_asks_no_sampler_and_starts_no_span()
    {
        await using var cluster = await EmbeddedCluster.StartAsync(new ClusterSettings { Silos = 2 });
        var grain = cluster.Client.GetGrain<IPlaceGrain>(ActorKeys.Host(0));
        var (asked, started) = (0, 0);
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Calls,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) =>
            {
                Interlocked.Increment(ref asked);
                return ActivitySamplingResult.AllDataAndRecorded;
            },
            ActivityStarted = _ => Interlocked.Increment(ref started),
        };
        ActivitySource.AddActivityListener(listener);
        Activity.Current = null;
        for (var i = 0; i < 20; i++) await grain.RelayAsync(Relay);
        Assert.Equal((0, 0), (asked, started));

        // The same calls with a span around them ask at each end: what is counted above can be counted.
        var traced = new Activity("traced") { ActivityTraceFlags = ActivityTraceFlags.Recorded }.Start();
        await grain.RelayAsync(Relay);
        traced.Stop();
        Assert.Equal((8, 8), (asked, started));
    }

    [Fact]
    public async Task A_call_under_a_sampled_operation_has_a_span_at_each_end_and_so_have_the_calls_that_it_makes()
    {
        var spans = await RunAsync(grain => grain.RelayAsync(Relay));
        var chain = new List<Activity> { Assert.Single(spans, span => span.ParentSpanId == default) };
        while (spans.Where(span => span.ParentSpanId == chain[^1].SpanId).ToList() is { Count: > 0 } children)
            chain.Add(Assert.Single(children));
        Assert.Equal(spans.Count, chain.Count);
        Assert.Equal(
            [SpanNames.Operation(HostEventKind.Unmap), .. Enumerable.Repeat("IPlaceGrain/RelayAsync", 8)],
            chain.Select(span => span.DisplayName));
        Assert.Equal(
            ["Internal", "Client", "Server", "Client", "Server", "Client", "Server", "Client", "Server"],
            chain.Select(span => span.Kind.ToString()));
        Assert.Equal(
            ["silo-0", "silo-1", "silo-0", "silo-1"],
            Of(chain, ActivityKind.Server).Select(span => Tag(span, AttributeNames.Silo)));
        // By what is around it the listener knows which silo a caller's span is of.
        Assert.Equal(
            [null, "silo-0", "silo-1", "silo-0"],
            Of(chain, ActivityKind.Client).Select(span => Tag(span.Parent!, AttributeNames.Silo)));
        foreach (var call in chain.Skip(1))
        {
            Assert.Equal((Calls, ActivityStatusCode.Unset), (call.Source.Name, call.Status));
            Assert.Equal(("orleans", Interface, $"{Interface}/RelayAsync"),
                (Tag(call, "rpc.system.name"), Tag(call, "orleans.rpc.service"), Tag(call, "rpc.method")));
        }

        string[] keys = [ActorKeys.Host(0), .. Relay];
        foreach (var calls in new[] { Of(chain, ActivityKind.Client), Of(chain, ActivityKind.Server) })
        {
            Assert.All(calls.Zip(keys), pair => Assert.EndsWith("/" + pair.Second, Tag(pair.First, "orleans.rpc.target_id")!));
            Assert.All(calls.Skip(1).Zip(keys), pair => Assert.EndsWith("/" + pair.Second, Tag(pair.First, "orleans.rpc.source_id")!));
        }
    }

    [Fact]
    public async Task A_call_that_fails_says_so_at_both_ends_and_the_caller_gets_the_failure()
    {
        var spans = await RunAsync(grain => Assert.ThrowsAsync<NotSupportedException>(() => grain.FailAsync()));
        var calls = spans.Where(span => span.Source.Name == Calls).ToList();
        Assert.Equal(2, calls.Count);
        foreach (var call in calls)
        {
            Assert.Equal(ActivityStatusCode.Error, call.Status);
            Assert.Equal((typeof(NotSupportedException).FullName, PlaceGrain.Failure),
                (Tag(call, "exception.type"), Tag(call, "exception.message")));
            Assert.Contains(nameof(PlaceGrain.FailAsync), Tag(call, "exception.stacktrace"), StringComparison.Ordinal);
            Assert.Equal(true, call.GetTagItem("exception.escaped"));
        }
    }

    private static List<Activity> Of(IEnumerable<Activity> spans, ActivityKind kind) => spans.Where(span => span.Kind == kind).ToList();

    private static string? Tag(Activity span, string name) => span.GetTagItem(name) as string;

    private static async Task<List<Activity>> RunAsync(Func<IPlaceGrain, Task> call)
    {
        var exported = new List<Activity>();
        var telemetry = new TelemetryTargets
        {
            Spans = span =>
            {
                lock (exported) exported.Add(span);
            },
        };
        await using (var cluster = await EmbeddedCluster.StartAsync(
            new ClusterSettings { Silos = 2, SampleRatio = 1, Telemetry = telemetry }))
        {
            Activity.Current = null;
            using var span = LivebedTelemetry.StartOperation(HostEventKind.Unmap, new OperationId(1));
            await call(cluster.Client.GetGrain<IPlaceGrain>(ActorKeys.Host(0)));
            span.Outcome = OperationOutcome.Ok;
        }

        return exported;
    }
}
