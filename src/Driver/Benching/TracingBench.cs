using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Benching;

/// <summary>
/// What spans cost that go into a file as in a run: work for a second of processor time with a listener, against the same without, in one
/// cluster. Cores that are full do as much more or less. Time by the wall would say more about the machine's other work. Both sides have
/// short turns, whose order changes each time, and a turn with spans ends when they are written.
/// </summary>
internal sealed class TracingBench : IRatioBench
{
    private const int Silos = 3;
    private const double GoalOfDefault = 0.97;

    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(200);

    /// <summary>Of a campaign's operations, by default.</summary>
    private static readonly double _default = new Campaigns.TelemetrySettings().SampleRatio;

    public string Name => "tracing";

    public string Summary => "processor time with spans, sampled as by default and all, against that without";

    public async Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted)
    {
        await using var cluster = await BenchCluster.StartAsync(Silos, PlacementMode.Spread, interrupted);
        var least = new RatioGoal(Least: GoalOfDefault);
        return
        [
            await RowAsync("default", "ranges+faults", new MovingPages(cluster), _default, least),
            await RowAsync("faults", "faults", new FirstTouches(cluster), _default, least),
            await RowAsync("full", "ranges+faults", new MovingPages(cluster), ratio: 1, goal: null),
        ];

        async Task<RatioRow> RowAsync(string name, string unit, ITracedLoad load, double ratio, RatioGoal? goal)
        {
            progress($"{Name}: {name}");
            var rounds = await RoundsAsync(load, ratio, request, interrupted);
            await load.EndAsync();
            return new RatioRow($"{Name}-{name}", $"{unit}/cpu-s", rounds, goal);
        }
    }

    private static async Task<IReadOnlyList<RatioRound>> RoundsAsync(
        ITracedLoad load, double ratio, RatioRequest request, CancellationToken interrupted)
    {
        var turns = Math.Max(1, (int)(request.Window / Turn));
        var window = request.Window / turns;
        for (var warmed = TimeSpan.Zero; warmed < request.WarmUp; warmed += 2 * window)
        {
            // All, or what makes spans would still be compiled in the rounds of a load of which one operation in a hundred has some.
            await TurnAsync(load, sampleRatio: 1, window, interrupted);
            await TurnAsync(load, sampleRatio: null, window, interrupted);
        }

        var rounds = new List<RatioRound>();
        for (var round = 0; round < request.Rounds; round++)
        {
            var (traced, bare) = (default(TracedTurn), default(TracedTurn));
            for (var turn = 0; turn < turns; turn++)
            {
                // The one that comes second finds the machine as the first has left it.
                var isFirst = (round + turn) % 2 == 0;
                if (isFirst) traced += await TurnAsync(load, ratio, window, interrupted);
                bare += await TurnAsync(load, sampleRatio: null, window, interrupted);
                if (!isFirst) traced += await TurnAsync(load, ratio, window, interrupted);
            }

            rounds.Add(new RatioRound(traced.PerSecond, bare.PerSecond));
        }

        return rounds;
    }

    private static async Task<TracedTurn> TurnAsync(
        ITracedLoad load, double? sampleRatio, TimeSpan window, CancellationToken interrupted)
    {
        while (true)
        {
            interrupted.ThrowIfCancellationRequested();
            await load.BeginTurnAsync();
            using var spans = sampleRatio is { } ratio ? new WrittenSpans(ratio) : null;
            var before = Environment.CpuUsage.TotalTime;
            var done = await load.RunAsync(window);
            spans?.Write();
            var used = Environment.CpuUsage.TotalTime - before;
            if (done is not null) return new TracedTurn(done.Value, used.TotalSeconds);
        }
    }

    /// <summary>What was done in a turn, or in several, and the processor time of the process meanwhile.</summary>
    private readonly record struct TracedTurn(double Done, double CpuSeconds)
    {
        public double PerSecond => Done / CpuSeconds;

        public static TracedTurn operator +(TracedTurn one, TracedTurn other) =>
            new(one.Done + other.Done, one.CpuSeconds + other.CpuSeconds);
    }

    /// <summary>Listens as the process of a run does and writes what it hears into a file.</summary>
    private sealed class WrittenSpans : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("livebed-bench-");
        private readonly TraceFile _file;
        private readonly SpanListener _listener;

        public WrittenSpans(double ratio)
        {
            _file = new TraceFile(Path.Combine(_folder.FullName, "traces"));
            _listener = new SpanListener(new SpanOrigin(TelemetrySetup.DriverService, "driver"), new RootSampler(ratio), _file.Add);
        }

        /// <summary>Listens no longer, and what was heard is in the file.</summary>
        public void Write()
        {
            _listener.Dispose();
            _file.Close();
        }

        public void Dispose()
        {
            Write();
            _file.Dispose();
            _folder.Delete(recursive: true);
        }
    }
}
