using System.Diagnostics;
using System.Text;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Telemetry;

/// <summary>Spans of a silo that was there before the run: sampled as the run's driver says, and kept until it has fetched them.</summary>
[Collection(TracingCollection.Name)]
public sealed class LeasedTracesTests : IDisposable
{
    private static readonly SpanOrigin Silo = new(TelemetrySetup.SiloService, "silo-1");
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("livebed-leased-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_silo_takes_its_share_of_a_trace_from_the_run_and_gives_its_spans_to_that_runs_driver()
    {
        await using var cluster = await EmbeddedCluster.StartAsync(new ClusterSettings { Silos = 1, Seed = 1 });
        var probe = cluster.Client.GetGrain<ISiloProbe>(cluster.SiloNames[0]);
        Assert.Null(await BeginAsync(probe, "first", seed: 7, spansPerTrace: 3));
        Operate(children: 10);
        var piece = await probe.FetchTracesAsync("first", 0, isOver: true);
        Assert.Equal((3, 0, 0), (piece!.Spans, piece.Left, piece.Dropped));
        var text = Encoding.UTF8.GetString(piece.Lines);
        Assert.Contains("{\"key\":\"livebed.seed\",\"value\":{\"intValue\":\"7\"}}", text, StringComparison.Ordinal);
        Assert.Contains("\"silo-0\"", text, StringComparison.Ordinal);

        // An answer that was lost is asked for again; what the driver has is kept no longer.
        Assert.Equal(text, Encoding.UTF8.GetString((await probe.FetchTracesAsync("first", 0, isOver: true))!.Lines));
        Assert.Empty((await probe.FetchTracesAsync("first", piece.Next, isOver: true))!.Lines);
        Assert.Null(await probe.FetchTracesAsync("another", 0, isOver: false));
        await probe.EndRunAsync("first");
        Assert.Null(await probe.FetchTracesAsync("first", 0, isOver: false));

        // Without a run nothing is recorded, and the next run has terms of its own.
        Operate(children: 1);
        Assert.Null(await BeginAsync(probe, "second", seed: 8, spansPerTrace: 5));
        Operate(children: 10);
        piece = await probe.FetchTracesAsync("second", 0, isOver: true);
        Assert.Equal(5, piece!.Spans);
        await probe.EndRunAsync("second");
        Assert.Null(await BeginAsync(probe, "third", seed: 9, spansPerTrace: 5, areFetched: false));
        Assert.Null(await probe.FetchTracesAsync("third", 0, isOver: true));
        await probe.EndRunAsync("third");
    }

    [Fact]
    public void A_silo_keeps_as_much_as_it_has_room_for_counts_the_rest_and_has_room_again_for_what_was_fetched()
    {
        using var part = new TracePart(bytesMax: 1_000);
        for (var i = 0; i < 600; i++) part.Add(Ended(), Silo);
        part.Close();
        var none = part.Read(0);
        Assert.Equal((0, 0, 600), (none.Spans, none.Left, none.Dropped));
        Assert.Null(none.Failure);
    }

    [Fact]
    public async Task A_silo_that_is_gone_loses_its_part_and_the_file_says_so_and_has_the_others()
    {
        using var file = new TraceFile(PathOf("t.partial"));
        var asked = new List<(string, long, bool)>();
        var fetched = new FetchedTraces(file, ["silo-0", "silo-1", "silo-2"], (silo, from, isOver) =>
        {
            lock (asked) asked.Add((silo, from, isOver));
            return silo switch
            {
                "silo-0" => Task.FromResult<TracePiece?>(new TracePiece(
                    Encoding.UTF8.GetBytes($"{{\"line\":{from}}}\n"), from + 1, 0, Left: from == 0 ? 1 : 0, Dropped: 4, null)),
                "silo-1" => throw new SiloUnavailableException("dead"),
                _ => Task.FromResult<TracePiece?>(null),
            };
        });
        await fetched.EndAllAsync();
        await fetched.EndAllAsync();
        file.Complete(PathOf("t"));
        Assert.Equal(["{\"line\":0}", "{\"line\":1}"], await File.ReadAllLinesAsync(PathOf("t")));
        Assert.Equal(["silo-1 (it is gone)", "silo-2 (it serves the run no more)"], file.Missing.Order());
        Assert.Equal((4, null), (file.Dropped, file.Failure));
        Assert.Equal([("silo-0", 0, true), ("silo-0", 1, true)], asked.Where(call => call.Item1 == "silo-0"));
        Assert.Equal(["t"], _folder.GetFiles().Select(left => left.Name));
    }

    [Fact]
    public async Task What_does_not_fit_into_the_file_is_fetched_counted_and_written_nowhere()
    {
        using var file = new TraceFile(PathOf("t.partial"), bytesMax: 50);
        var fetched = new FetchedTraces(file, ["silo-0"], (_, from, _) => Task.FromResult<TracePiece?>(
            new TracePiece(Encoding.UTF8.GetBytes(new string('x', 39) + "\n"), from + 1, Spans: 3, Left: from < 3 ? 1 : 0, 0, null)));
        await fetched.EndAllAsync();
        file.Complete(PathOf("t"));
        Assert.Single(await File.ReadAllLinesAsync(PathOf("t")));
        Assert.Equal(9, file.Dropped);
    }

    private static Task<string?> BeginAsync(ISiloProbe probe, string run, ulong seed, int spansPerTrace, bool areFetched = true) =>
        probe.BeginRunAsync(new RunTicket(
            run, "a test", seed, PreemptionShare: 0, PlacementMode.Spread, Silos: 1,
            new TracingTerms(10_000, 20_000, 4, SampleRatio: 1, spansPerTrace, areFetched), ClockShiftMicroseconds: 0));

    private static void Operate(int children)
    {
        Activity.Current = null;
        using var operation = LivebedTelemetry.StartOperation(HostEventKind.Unmap, new OperationId(1));
        for (var i = 0; i < children; i++)
            using (LivebedTelemetry.Source.StartActivity("child"))
            {
            }
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private static Activity Ended()
    {
        var span = new Activity("kvm.fault").Start();
        span.Stop();
        return span;
    }
}
