using Livebed.Explorer.Replays;
using Livebed.Explorer.Scheduling;

namespace Livebed.Explorer.Shrinking;

/// <summary>
/// Takes switches out of a schedule of a given plan: drops runs (the running lane continues where the schedule says nothing), moves a run
/// to where its lane runs anyway, swaps two; then shortens runs. Stretches first, single runs last, as in delta debugging (Zeller and
/// Hildebrandt, TSE 2002).
/// </summary>
internal sealed class ScheduleShrinker(Trials trials)
{
    public Replay Shrink(Replay replay)
    {
        while (true)
        {
            var smaller = Shorten(Swap(Join(Drop(replay))));
            if (!trials.IsSmaller(smaller, replay)) return replay;
            replay = smaller;
        }
    }

    private Replay Drop(Replay replay)
    {
        for (var stretch = replay.Schedule.Count / 2; stretch > 0; stretch /= 2)
        {
            for (var start = 0; start < replay.Schedule.Count;)
            {
                var from = start;
                var smaller = Try(replay, runs => runs.RemoveRange(from, Math.Min(stretch, runs.Count - from)));
                if (smaller is null) start += stretch;
                else replay = smaller;
            }
        }

        return replay;
    }

    /// <summary>A run's steps are made in the next run of its lane, or in the one before.</summary>
    private Replay Join(Replay replay)
    {
        for (var index = 0; index < replay.Schedule.Count; index++)
        {
            var (at, lane) = (index, replay.Schedule[index].Lane);
            replay = Try(replay, runs => Move(runs, at, runs.FindIndex(at + 1, run => run.Lane == lane)))
                ?? Try(replay, runs => Move(runs, at, at == 0 ? -1 : runs.FindLastIndex(at - 1, run => run.Lane == lane)))
                ?? replay;
        }

        return replay;
    }

    private Replay Swap(Replay replay)
    {
        for (var index = 0; index + 1 < replay.Schedule.Count; index++)
        {
            var at = index;
            replay = Try(replay, runs => (runs[at], runs[at + 1]) = (runs[at + 1], runs[at])) ?? replay;
        }

        return replay;
    }

    private Replay Shorten(Replay replay)
    {
        for (var index = 0; index < replay.Schedule.Count; index++)
        {
            foreach (var share in new[] { 2, 4 })
            {
                var at = index;
                while (at < replay.Schedule.Count && Try(replay, runs => Cut(runs, at, Math.Max(1, runs[at].Steps / share))) is { } smaller)
                    replay = smaller;
            }

            var last = index;
            while (last < replay.Schedule.Count && Try(replay, runs => Cut(runs, last, 1)) is { } smaller) replay = smaller;
        }

        return replay;
    }

    private Replay? Try(Replay replay, Action<List<ScheduleRun>> change)
    {
        List<ScheduleRun> runs = [.. replay.Schedule];
        change(runs);
        return runs.SequenceEqual(replay.Schedule) ? null : trials.Follow(replay with { Schedule = runs }, replay);
    }

    private static void Move(List<ScheduleRun> runs, int from, int to)
    {
        if (to < 0) return;
        runs[to] = runs[to] with { Steps = runs[to].Steps + runs[from].Steps };
        runs.RemoveAt(from);
    }

    private static void Cut(List<ScheduleRun> runs, int at, int steps)
    {
        if (runs[at].Steps > steps) runs[at] = runs[at] with { Steps = runs[at].Steps - steps };
    }
}
