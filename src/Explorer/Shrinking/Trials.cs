using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;

namespace Livebed.Explorer.Shrinking;

/// <summary>
/// Plays candidates and judges them: one is good if it still breaks what is to be kept and is smaller than what there is. What comes out is
/// what was really played, so that it can be followed exactly. Every answer depends on its arguments alone, never on earlier ones, which is
/// why shrinking what has been shrunk changes nothing.
/// </summary>
internal sealed class Trials
{
    private const ulong SearchSeed = 1;

    private readonly ReplayPlayer _player;
    private readonly ShrinkOptions _options;
    private readonly string _kept;

    /// <param name="player">of the replay's scenario and setup</param>
    /// <param name="options">bounds</param>
    /// <param name="plan">the replay's plan</param>
    /// <param name="kept">invariant, or type of an exception, that is to stay broken</param>
    public Trials(ReplayPlayer player, ShrinkOptions options, ScenarioPlan plan, string kept)
    {
        (_player, _options, _kept) = (player, options, kept);
        Plan = plan;
    }

    public ScenarioPlan Plan { get; }
    public long Plays { get; private set; }

    /// <summary>The bound that was hit; null while there is none.</summary>
    public string? Limit { get; private set; }

    /// <summary>The candidate's schedule as far as it can be followed; null when that is not good.</summary>
    public Replay? Follow(Replay candidate, Replay than) =>
        Try(candidate, () => _player.Play(candidate, isLenient: true)) is { } smaller && IsSmaller(smaller, than) ? smaller : null;

    /// <summary>The same, or else the first good one among a number of other schedules.</summary>
    public Replay? FollowOrSearch(Replay candidate, Replay than) =>
        Follow(candidate, than) ?? Others(candidate, than.Schedule).FirstOrDefault(other => IsSmaller(other, than));

    /// <summary>Schedules of the replay's plan that also break what is to be kept, of any size.</summary>
    public IEnumerable<Replay> Others(Replay replay) => Others(replay, replay.Schedule);

    public bool IsSmaller(Replay replay, Replay than) => ReplaySize.Of(Plan, replay) < ReplaySize.Of(Plan, than);

    /// <summary>What is still broken: the first invariant, or, if a lane threw, the type of what it threw; null when all is well.</summary>
    public static string? BrokenBy(Replayed replayed, IReadOnlyList<string> wanted)
    {
        if (replayed.PlayResult.Result.Failure is { } failure) return failure.GetType().Name;
        return wanted.FirstOrDefault(replayed.Violates.Contains) ?? (replayed.Violates.Count > 0 ? replayed.Violates[0] : null);
    }

    private IEnumerable<Replay> Others(Replay candidate, IReadOnlyList<ScheduleRun> schedule)
    {
        var decisions = Math.Max(1, schedule.Sum(run => (long)run.Steps));
        for (var number = 0; number < _options.SchedulesPerCandidate && Limit is null; number++)
        {
            var strategy = AlternatingStrategies.Of(SearchSeed, number, decisions);
            if (Try(candidate, () => _player.Play(candidate, strategy)) is { } other) yield return other;
        }
    }

    private Replay? Try(Replay candidate, Func<Replayed> play)
    {
        if (Plays >= _options.PlaysMax) Limit ??= $"{_options.PlaysMax:N0} plays";
        else if (_options.IsOver?.Invoke() == true) Limit ??= "the budget";
        if (Limit is not null) return null;
        Plays++;
        var replayed = play();
        if (BrokenBy(replayed, [_kept]) != _kept) return null;
        // What is kept comes first, so that it is what a second shrinking keeps.
        return replayed.ToReplay(candidate) with { Violates = [.. replayed.Violates.OrderByDescending(invariant => invariant == _kept)] };
    }
}
