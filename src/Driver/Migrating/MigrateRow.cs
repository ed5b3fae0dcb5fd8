using Livebed.Driver.Results;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Migrating;

/// <summary>What a cell was, measured next to predicted.</summary>
/// <param name="Cell">which</param>
/// <param name="Verdict">of its run: whether anything was lost</param>
/// <param name="Reasons">of the verdict</param>
/// <param name="Migration">null if there was none: the run was cut short</param>
/// <param name="BehindMicroseconds">how far the guest was behind its program at the end: what it did not write when it should have</param>
/// <param name="Folder">of the run</param>
/// <param name="Goals">what it must keep; null for nothing</param>
internal sealed record MigrateRow(
    MigrateCell Cell, VerdictKind Verdict, IReadOnlyList<string> Reasons, MigrationResult? Migration, long BehindMicroseconds,
    string Folder, MigrateGoals? Goals = null)
{
    /// <summary>Whether the migration completed and kept the goals; null where nothing is asked for.</summary>
    public bool? KeepsGoals => Goals is not { AreThere: true } ? null : MissedGoal is null;

    /// <summary>Why it does not; null when it does, or nothing is asked for.</summary>
    public string? MissedGoal
    {
        get
        {
            if (Goals is not { AreThere: true } goals) return null;
            if (Migration is not { Status: MigrationStatus.Completed } done) return "it did not complete";
            if (done.Downtime > goals.DowntimeMilliseconds) return "the guest stood still for longer";
            return done.TotalTime - done.CheckTime > goals.TimeMilliseconds ? "it took longer" : null;
        }
    }

    /// <summary>Rounds in closed form; null for a recording, and when the model says that it never ends.</summary>
    public int? GeometricRounds => Cell.DirtyShare is not null ? Migration?.Predicted?.Rounds : null;

    /// <summary>For a constant rate: the model's rounds within a tenth, or called diverging before the limit when it never ends. Null for a
    /// recording.</summary>
    public bool? ModelHolds
    {
        get
        {
            if (Cell.DirtyShare is null || Migration is not { } migration) return null;
            if (GeometricRounds is not { } rounds) return DivergingRound is { } round && round < migration.Rounds.Count;
            return migration.Status == MigrationStatus.Completed
                && Math.Abs(migration.Rounds.Count - rounds) <= PredictionGap.Tolerance * rounds;
        }
    }

    /// <summary>The migration was called diverging from the end of this round until its own end; null if it was not.</summary>
    public int? DivergingRound
    {
        get
        {
            if (Migration is null || Migration.Rounds.Count == 0 || !Migration.Rounds[^1].Diverging) return null;
            return Migration.Rounds.Reverse().TakeWhile(round => round.Diverging).Last().Round;
        }
    }

    /// <summary>Bytes a second of the rounds, where they had less than nine tenths of the link: the machine did not feed it. Null where
    /// they had more, and where a cap of the migration's own says less.</summary>
    public double? StarvedBandwidth
    {
        get
        {
            if (Migration is not { Rounds.Count: > 0 } migration) return null;
            if (Cell.Settings.Any(setting => setting.Key == "migrations.maxBandwidth" && setting.Value != Cell.LinkRate)) return null;
            var seconds = migration.Rounds.Sum(round => round.DurationMilliseconds) / 1e3;
            var used = seconds > 0 ? migration.Rounds.Sum(round => (double)round.Transferred) / seconds : Cell.Bandwidth;
            return used < (1 - PredictionGap.Tolerance) * Cell.Bandwidth ? used : null;
        }
    }

    /// <summary>Rounds that were as they were predicted when they began, of those that had a prediction.</summary>
    public (int Held, int Of) RoundsHeld
    {
        get
        {
            var judged = Migration?.Rounds.Where(round => round.Gap is not null).ToList() ?? [];
            return (judged.Count(round => Math.Abs(round.Gap!.Value) <= PredictionGap.Tolerance), judged.Count);
        }
    }
}
