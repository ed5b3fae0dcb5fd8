using System.Diagnostics;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Benching;

/// <summary>Steps of a search through <c>fault-vs-invalidate</c> against those of lanes that do nothing but to be scheduled.</summary>
internal sealed class ExplorerBench : IRatioBench
{
    private const string ScenarioName = "fault-vs-invalidate";
    private const int Lanes = 4;
    private const int StepsPerLane = 10;
    private const double Goal = 0.25;
    private const double StepsGoal = 1_000_000;

    private ulong _seed;

    public string Name => "explorer";

    public string Summary => $"the explorer's steps in {ScenarioName} against those of an empty scheduler loop, one thread";

    public async Task<IReadOnlyList<RatioRow>> RunAsync(RatioRequest request, Action<string> progress, CancellationToken interrupted)
    {
        progress(Name);
        var rounds = await Task.Run(
            () => Alternation.RunAsync(
                request, window => Task.FromResult(Search(window)), window => Task.FromResult(Empty(window)), interrupted),
            interrupted);
        return [new RatioRow(Name, "steps/s", rounds, new RatioGoal(Least: Goal, MeasuredLeast: StepsGoal))];
    }

    private double Search(TimeSpan window)
    {
        var began = Stopwatch.GetTimestamp();
        var options = new SearchOptions
        {
            Seed = _seed += AlternatingStrategies.SchedulesPerSeed,
            Schedules = long.MaxValue,
            IsOver = () => Stopwatch.GetElapsedTime(began) >= window,
        };
        var result = new Search(ScenarioCatalog.Find(ScenarioName)!, new ScenarioSetup(ProtocolCatalog.ActiveCount), options).Run();
        return result.Steps / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private double Empty(TimeSpan window)
    {
        var (began, steps) = (Stopwatch.GetTimestamp(), 0L);
        while (Stopwatch.GetElapsedTime(began) < window)
        {
            var world = new VirtualWorld(new RandomStrategy(_seed++), recorder: new ScheduleRecorder());
            for (var lane = 0; lane < Lanes; lane++)
                world.Spawn($"empty{lane}", async () =>
                {
                    for (var step = 0; step < StepsPerLane; step++) await world.PointAsync(SchedulingPoint.Yield);
                });
            world.Run(Lanes * StepsPerLane * 2);
            steps += world.Steps;
        }

        return steps / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
