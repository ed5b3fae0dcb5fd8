namespace Livebed.Kvm.Prediction;

/// <summary>
/// A migration as a log has it: what is known at moments of it. A log of polls has moments between syncs, one of QEMU's trace events has
/// the syncs themselves. What a log does not say is null.
/// </summary>
/// <param name="Milliseconds">since the migration began</param>
/// <param name="Syncs"><c>dirty-sync-count</c>, or virsh's iteration</param>
/// <param name="Transferred">bytes on the wire so far</param>
/// <param name="Remaining">bytes that are known to be left, without headers</param>
/// <param name="ZeroPages"><c>duplicate</c></param>
/// <param name="DirtyPagesPerSecond"><c>dirty-pages-rate</c></param>
/// <param name="ThrottlePercentage"><c>cpu-throttle-percentage</c></param>
public sealed record LogMoment(
    double Milliseconds, int? Syncs, long? Transferred, long? Remaining, long? ZeroPages, double? DirtyPagesPerSecond,
    int? ThrottlePercentage);

/// <summary>What the log says of the migration as a whole.</summary>
/// <param name="Moments">in the order of time</param>
/// <param name="Source">what kind of log it is, for people</param>
/// <param name="Status">the last one; null where there is none</param>
/// <param name="DowntimeMilliseconds">of a completed one</param>
/// <param name="ThresholdBytes">below which it would have stopped, as QEMU's trace says it last</param>
public sealed record MeasuredMigration(
    IReadOnlyList<LogMoment> Moments, string Source, string? Status, double? DowntimeMilliseconds, double? ThresholdBytes)
{
    public bool IsCompleted => Status is "completed";

    /// <summary>
    /// Rounds, from the first moment with a count of syncs to the first one with the next. With polls a round's ends are off by up to an
    /// interval of the polls. The round that was under way when the log ends is left out, and so is what lies between the last two syncs of
    /// a completed migration: it is the stop.
    /// </summary>
    public IReadOnlyList<MeasuredRound> Rounds
    {
        get
        {
            var rounds = new List<MeasuredRound>();
            var groups = Moments.Where(moment => moment.Syncs > 0)
                .GroupBy(moment => moment.Syncs!.Value).OrderBy(group => group.Key).ToList();
            if (IsCompleted && groups.Count > 1 && groups[^1].Key == groups[^2].Key + 1) groups.RemoveAt(groups.Count - 1);
            for (var index = 0; index + 1 < groups.Count; index++)
            {
                var (first, last, next) = (groups[index].First(), groups[index].Last(), groups[index + 1].First());
                var begin = index == 0 && groups[index].Key == 1 ? 0 : first.Milliseconds;
                rounds.Add(new MeasuredRound(
                    groups[index].Key - 1, groups[index + 1].Key - groups[index].Key, begin, next.Milliseconds - begin,
                    next.Transferred - (begin == 0 ? 0 : first.Transferred), next.Remaining, last.Remaining,
                    next.ZeroPages - (begin == 0 ? 0 : first.ZeroPages), next.DirtyPagesPerSecond,
                    groups[index].Max(moment => moment.ThrottlePercentage) ?? 0));
            }

            return rounds;
        }
    }
}

/// <summary>What was sent between two syncs, or more of them where the log has none in between.</summary>
/// <param name="Number">as in a forecast: 0 is the first</param>
/// <param name="Syncs">rounds that it stands for</param>
/// <param name="BeginMilliseconds">since the migration began</param>
/// <param name="Milliseconds">how long it took</param>
/// <param name="Bytes">sent in it</param>
/// <param name="LeftBytes">after the sync that ended it</param>
/// <param name="LeftBeforeSync">known before that sync</param>
/// <param name="ZeroPages">sent in it</param>
/// <param name="DirtyPagesPerSecond">as QEMU has it after that sync</param>
/// <param name="ThrottlePercentage">the most of it</param>
public sealed record MeasuredRound(
    int Number, int Syncs, double BeginMilliseconds, double Milliseconds, long? Bytes, long? LeftBytes, long? LeftBeforeSync,
    long? ZeroPages,
    double? DirtyPagesPerSecond, int ThrottlePercentage)
{
    /// <summary>Bytes a second.</summary>
    public double? Bandwidth => Bytes is { } bytes && Milliseconds > 0 ? bytes * 1e3 / Milliseconds : null;
}
