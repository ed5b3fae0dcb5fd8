using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Driver.Terminal;
using Livebed.Grains.Placement;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Running;

/// <summary>Migrations under way, as they were last seen, and those that are over, of which the first <see cref="KeptMax"/> are kept whole.
/// Safe from any thread.</summary>
internal sealed class MigrationLedger(RunClock clock)
{
    public const int KeptMax = MigrationSettings.CountMax;

    private readonly Lock _gate = new();
    private readonly Dictionary<VmMove, MigrationInfo> _underWay = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<VmMove, long> _ordered = new(ReferenceEqualityComparer.Instance);
    private readonly List<EndedMigration> _ended = [];
    private long _completed;
    private long _failed;
    private long _cancelled;

    public (long Completed, long Failed, long Cancelled) Counts
    {
        get
        {
            lock (_gate) return (_completed, _failed, _cancelled);
        }
    }

    public IReadOnlyList<EndedMigration> All
    {
        get
        {
            lock (_gate) return [.. _ended];
        }
    }

    public void Began(VmMove move) => Observed(move, new MigrationInfo());

    /// <summary>It begins, by the clock of its figures.</summary>
    public void Ordered(VmMove move)
    {
        lock (_gate) _ordered[move] = clock.NowMicroseconds;
    }

    public void Observed(VmMove move, MigrationInfo info)
    {
        lock (_gate) _underWay[move] = info;
    }

    public void Ended(EndedMigration migration)
    {
        lock (_gate)
        {
            if (migration.Info.Status == MigrationStatus.Completed) _completed++;
            else if (migration.WasCancelled) _cancelled++;
            else _failed++;
            if (_ended.Count < KeptMax) _ended.Add(migration with { Ordered = _ordered.GetValueOrDefault(migration.Move) });
        }
    }

    /// <summary>It is not under way any more, however it ended.</summary>
    public void Gone(VmMove move)
    {
        lock (_gate)
        {
            _underWay.Remove(move);
            _ordered.Remove(move);
        }
    }

    public IReadOnlyList<MigrationProgress> Progress()
    {
        lock (_gate)
        {
            return
            [
                .. _underWay.OrderBy(entry => entry.Key.Ordinal).Select(entry => new MigrationProgress(
                    entry.Key.Slot.Settings.Name, ActorKeys.Host(entry.Key.Source), ActorKeys.Host(entry.Key.Destination),
                    KebabCase.Of(entry.Value.Status), entry.Value.Rounds.Count, entry.Value.Remaining,
                    entry.Value.CpuThrottlePercentage, IsBeforeStop(entry.Value) ? entry.Value.ExpectedDowntimeMicroseconds : 0)),
            ];
        }
    }

    private static bool IsBeforeStop(MigrationInfo info) => info.Status is MigrationStatus.Setup or MigrationStatus.Active;

    public IReadOnlyList<LimitHit> LimitsHit()
    {
        lock (_gate)
        {
            var dropped = _completed + _failed + _cancelled - _ended.Count;
            return dropped == 0 ? [] : [new("migrations", dropped, $"only the first {KeptMax} migrations are listed; counts has them all")];
        }
    }
}

/// <summary>A migration that is over, with its last figures.</summary>
/// <param name="Move">which VM, from where to where</param>
/// <param name="Info">its figures</param>
/// <param name="WasCancelled">the driver ordered its end, and got it; one that took too long and gave itself up was not</param>
/// <param name="ProgramMicroseconds">where the guest's program was when it began; null when unknown</param>
internal sealed record EndedMigration(VmMove Move, MigrationInfo Info, bool WasCancelled, long? ProgramMicroseconds = null)
{
    /// <summary>When it was, by the run's clock.</summary>
    public long Ordered { get; init; }

    /// <summary>For the history.</summary>
    public override string ToString()
    {
        var status = KebabCase.Of(Info.Status);
        var reason = Info.Reason.Length == 0 ? "" : $" ({Info.Reason})";
        var rounds = Info.Rounds.Count == 1 ? "1 round" : $"{Info.Rounds.Count} rounds";
        return $"{Move.SourceKey} to {Move.Key}: {status}{reason}, {rounds}, downtime {Figures.Microseconds(Info.DowntimeMicroseconds)}";
    }
}
