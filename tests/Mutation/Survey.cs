using System.Diagnostics;
using System.Text.Json;
using Livebed.Explorer.Scenarios;

namespace Livebed.Mutation;

/// <summary>What one scenario reaches under one protocol, and what a schedule of it costs.</summary>
/// <param name="Scenario">its name</param>
/// <param name="Protocol">its name</param>
/// <param name="Microseconds">of a schedule without a mutation</param>
/// <param name="Reached">mutations, by number</param>
public sealed record SceneReach(string Scenario, string Protocol, double Microseconds, HashSet<int> Reached);

/// <summary>Plays every scenario without a mutation. One process does it for all hunts, which read its file.</summary>
public static class Survey
{
    private const int Schedules = 200;

    /// <summary>Of the other protocols: most mutations that the first does not reach, they reach at once.</summary>
    private const int SchedulesOfOthers = 40;

    /// <summary>The correct ones, and first the one in which most mutations are hunted.</summary>
    private static readonly string[] Protocols = ["active-count", "unconditional", "hva-range", "gfn-range", "rwsem-unfair"];

    /// <param name="file">to be written</param>
    public static void Write(string file)
    {
        var scenes = new List<SceneReach>();
        var mutant = new MutationSwitch();
        foreach (var scenario in ScenarioCatalog.All)
        {
            foreach (var protocol in Protocols)
            {
                var scene = new Scene(scenario, protocol);
                var schedules = protocol == Protocols[0] ? Schedules : SchedulesOfOthers;
                var watch = Stopwatch.StartNew();
                var reached = mutant.ReachedBy(() =>
                {
                    for (var schedule = 0; schedule < schedules; schedule++) scene.Play(seed: 7, schedule);
                });
                scenes.Add(new SceneReach(scenario.Name, protocol, watch.Elapsed.TotalMicroseconds / schedules, reached));
            }
        }

        File.WriteAllText(file, JsonSerializer.Serialize(scenes));
    }

    public static IReadOnlyList<SceneReach> Read(string file) => JsonSerializer.Deserialize<List<SceneReach>>(File.ReadAllText(file))!;
}
