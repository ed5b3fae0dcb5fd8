using System.Text.Json;
using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Vms;

namespace Livebed.Mutation;

/// <summary>What became of one mutation.</summary>
/// <param name="Key">see <see cref="Mutation.Key"/></param>
/// <param name="KilledBy">an invariant, or what a lane threw; null when it survived</param>
/// <param name="Scenario">scenario and protocol in which it was killed; of a survivor, how many of them reach it</param>
/// <param name="Schedules">that were played, over all scenarios</param>
/// <param name="Schedule">of those of the scenario in which it was killed, from 1 on; 0 of a survivor. As `livebed explore` plays them: of
/// those of its strategy</param>
/// <param name="Strategy">that killed it, as `livebed explore` has it; empty otherwise</param>
public sealed record Verdict(string Key, string? KilledBy, string Scenario, long Schedules, int Schedule = 0, string Strategy = "");

/// <summary>What a hunting process gets to do.</summary>
/// <param name="Mutations">to be hunted, in this order</param>
/// <param name="Known">verdicts of others, which say where to look first</param>
/// <param name="Schedules">of each scenario and mutation, at most</param>
/// <param name="Survey">file of <see cref="Livebed.Mutation.Survey"/></param>
/// <param name="AsExplore">as `livebed explore` does: every scenario under active-count, so many random schedules and as many of PCT;
/// what active-count does not come to, under the other protocols</param>
public sealed record HuntOrder(
    IReadOnlyList<Mutation> Mutations, IReadOnlyList<Verdict> Known, int Schedules, string Survey, bool AsExplore = false);

/// <summary>
/// The half that runs with the mutated model in place of the sound one, in a process of its own. Each mutation is hunted where it is
/// reached: a few schedules of each scene first, since most mutations die at once, then more. Scenes that have killed neighbours come
/// first, then cheap ones.
/// </summary>
public sealed class Hunt
{
    /// <summary>Named as the killer where the explorer's limit of steps is of no use.</summary>
    public const string Endless = "a step that does not end";

    private static readonly int[] Passes = [8, 60, int.MaxValue];

    private readonly MutationSwitch _mutant = new();
    private readonly HuntOrder _order;
    private readonly TextWriter _output;
    private readonly IReadOnlyList<SceneReach> _reach;
    private readonly Dictionary<SceneReach, Scene> _scenes = [];
    private readonly Dictionary<(string Place, string Scene), int> _kills = [];
    private readonly EndlessStep _endless;
    private (Mutation Mutation, string Scene, long Played, int Schedule) _now;

    public Hunt(HuntOrder order, TextWriter output)
    {
        (_order, _output, _reach) = (order, output, Survey.Read(order.Survey));
        _endless = new EndlessStep(() =>
        {
            _now.Played++;
            Say("end " + JsonSerializer.Serialize(KilledNow(Endless)));
            Environment.Exit(0);
        });
    }

    /// <summary>Hunts the mutations and writes a line before and after each.</summary>
    public void Run()
    {
        foreach (var verdict in _order.Known) Learn(verdict);
        foreach (var mutation in _order.Mutations)
        {
            Say($"begin {mutation.Key}");
            var verdict = Judge(mutation);
            Learn(verdict);
            Say("end " + JsonSerializer.Serialize(verdict));
        }
    }

    private void Say(string line)
    {
        _output.WriteLine(line);
        _output.Flush();
    }

    private Verdict Judge(Mutation mutation)
    {
        var scenes = ScenesOf(mutation);
        _now = (mutation, "", 0, 0);
        try
        {
            var from = 0;
            foreach (var pass in Passes)
            {
                var to = Math.Min(pass, _order.AsExplore ? 2 * _order.Schedules : _order.Schedules);
                foreach (var scene in scenes)
                    if (Play(mutation, scene, from, to) is { } killer)
                        return KilledNow(killer);
                from = to;
            }
        }
        finally
        {
            _mutant.Off();
        }

        return new Verdict(mutation.Key, null, $"{scenes.Count} scenes", _now.Played);
    }

    private Verdict KilledNow(string killer)
    {
        var (key, schedule) = (_now.Mutation.Key, _now.Schedule);
        if (!_order.AsExplore) return new Verdict(key, killer, _now.Scene, _now.Played, schedule);
        return new Verdict(key, killer, _now.Scene, _now.Played, (schedule + 1) / 2, schedule % 2 == 1 ? "random" : "pct");
    }

    /// <returns>what one of the schedules broke; null for nothing</returns>
    private string? Play(Mutation mutation, Scene scene, int from, int to)
    {
        _mutant.On(mutation.Id);
        _now.Scene = scene.Name;
        for (var schedule = from; schedule < to; schedule++)
        {
            _endless.Begin();
            _now.Schedule = schedule + 1;
            var killer = scene.Play(seed: 1, schedule);
            _now.Played++;
            if (killer is not null) return killer;
        }

        return null;
    }

    /// <summary>Scenes that reach the mutation: each scenario once, under the first protocol of the survey under which it does. What
    /// protocols share means another thing to each, so there each is tried.</summary>
    private List<Scene> ScenesOf(Mutation mutation)
    {
        var reaching = _reach.Where(scene => scene.Reached.Contains(mutation.Id)).ToList();
        if (_order.AsExplore && reaching.Exists(scene => scene.Protocol == ProtocolCatalog.ActiveCount))
            reaching.RemoveAll(scene => scene.Protocol != ProtocolCatalog.ActiveCount);
        else if (_order.AsExplore) return [.. reaching.OrderBy(scene => scene.Microseconds).Select(SceneOf)];
        else if (!mutation.File.StartsWith("src/Kvm/Notifiers/", StringComparison.Ordinal))
            reaching = [.. reaching.GroupBy(scene => scene.Scenario).Select(group => group.First())];
        return
        [
            .. reaching.OrderByDescending(scene => KillsOf(MemberOf(mutation.Key), scene))
                .ThenByDescending(scene => KillsOf(FileOf(mutation.Key), scene)).ThenBy(scene => scene.Microseconds).Select(SceneOf),
        ];
    }

    /// <summary>Made at its first use, and without a mutation: it plays a schedule.</summary>
    private Scene SceneOf(SceneReach reach)
    {
        if (_scenes.TryGetValue(reach, out var known)) return known;
        var scenario = ScenarioCatalog.All.First(scenario => scenario.Name == reach.Scenario);
        return _scenes[reach] = new Scene(scenario, reach.Protocol, _order.AsExplore);
    }

    private int KillsOf(string place, SceneReach scene) => _kills.GetValueOrDefault((place, $"{scene.Scenario} {scene.Protocol}"));

    private void Learn(Verdict verdict)
    {
        if (verdict.KilledBy is null) return;
        foreach (var place in new[] { MemberOf(verdict.Key), FileOf(verdict.Key) })
            _kills[(place, verdict.Scenario)] = _kills.GetValueOrDefault((place, verdict.Scenario)) + 1;
    }

    private static string FileOf(string key) => key.Split('|', 2)[0];

    private static string MemberOf(string key) => string.Join('|', key.Split('|', 3)[..2]);
}
