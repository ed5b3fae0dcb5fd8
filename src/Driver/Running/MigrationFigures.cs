using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Grains.Placement;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Migration.Prediction;

namespace Livebed.Driver.Running;

/// <summary>
/// Migrations as results.json has them, with a prediction beside everything that was measured. Round 0 is predicted from the workload (<see cref="WorkloadRate"/>), each later round from the
/// dirty rate of the round before and what that left to be sent. The link is the campaign's, or, where it has no limit, as fast as it was in the round before.
/// </summary>
internal sealed class MigrationFigures(Campaign campaign)
{
    private readonly Dictionary<VmSettings, WorkloadRate> _rates = new(ReferenceEqualityComparer.Instance);
    private readonly MigrationParameters _parameters = campaign.Migrations.Parameters;

    public IReadOnlyList<MigrationResult> Of(IReadOnlyList<EndedMigration> migrations) => [.. migrations.Select(Of)];

    private MigrationResult Of(EndedMigration migration)
    {
        var (move, info, _) = migration;
        var rounds = RoundsOf(info, move.Slot.Settings);
        return new MigrationResult
        {
            Vm = $"{move.Slot.Settings.Name} (vm-{move.Slot.Index})",
            Workload = move.Slot.Settings.Name,
            Source = ActorKeys.Host(move.Source),
            Destination = ActorKeys.Host(move.Destination),
            Epoch = info.Epoch,
            Status = info.Status,
            Reason = info.Reason.Length == 0 ? null : info.Reason,
            GuestLost = migration.IsGuestLost,
            TotalTime = info.TotalMicroseconds / 1e3,
            SetupTime = info.SetupMicroseconds / 1e3,
            Downtime = info.DowntimeMicroseconds / 1e3,
            ExpectedDowntime = info.ExpectedDowntimeMicroseconds / 1e3,
            CpuThrottlePercentage = info.CpuThrottlePercentageMax,
            Ram = MigrationRam.From(info),
            PostcopyPauses = info.PostcopyPauses,
            Predicted = PredictionOf(info, rounds, move.Slot.Settings),
            Rounds = rounds,
            Statuses = [.. info.Steps.Select(step => new MigrationStatusTime(step.Status, step.AtMicroseconds / 1e3))],
        };
    }

    private List<MigrationRound> RoundsOf(MigrationInfo info, VmSettings settings)
    {
        var rounds = new List<MigrationRound>();
        RoundInfo? before = null;
        foreach (var round in info.Rounds)
        {
            var predicted = Predict(info, settings, round, before);
            var bandwidth = BandwidthAfter(before);
            var gap = predicted is null ? null : PredictionGap.Between(
                predicted,
                new MeasuredRound(round.Round, round.Bytes, round.Microseconds / 1e3, round.DirtyPages, round.ThrottlePercentage, round.DirtyLimited, round.RingFullExits),
                (int)info.PageSize, bandwidth);
            rounds.Add(MigrationRound.From(round, predicted, gap));
            before = round;
        }

        return rounds;
    }

    /// <summary>What could be known when the round began. Of a migration with more rounds than are kept, the first that was kept has no prediction.</summary>
    private ForecastRound? Predict(MigrationInfo info, VmSettings settings, RoundInfo round, RoundInfo? before)
    {
        var bandwidth = BandwidthAfter(before);
        if (bandwidth <= 0 || (before is null && round.Round > 0)) return null;
        var predictor = PredictorOf(info, bandwidth);
        var pages = before is null ? predictor.MemoryPages : before.RemainingBytes / info.PageSize;
        var zeroPages = pages * settings.Content.ZeroPercent / 100;
        var rate = before is null
            ? RateOf(settings).PagesPerSecond(predictor.Predict(0, pages, 0, zeroPages).DurationMilliseconds / 1e3)
            : before.DirtyPages * 1e6 / Math.Max(1, before.Microseconds);
        var predicted = predictor.Predict(round.Round, pages, rate, zeroPages);

        // A rate that was measured under a throttle foresees the same throttle.
        return before is null ? predicted : predicted with { CpuThrottlePercentage = before.ThrottlePercentage, DirtyLimited = before.DirtyLimited };
    }

    private MigrationPrediction? PredictionOf(MigrationInfo info, IReadOnlyList<MigrationRound> rounds, VmSettings settings)
    {
        var bandwidth = BandwidthAfter(info.Rounds.Count > 0 ? info.Rounds[^1] : null);
        if (bandwidth <= 0 || rounds.Count == 0) return null;
        var predictor = PredictorOf(info, bandwidth);
        var downtime = predictor.Predict(rounds.Count, rounds[^1].Remaining / info.PageSize, 0).DurationMilliseconds;
        var total = info.SetupMicroseconds / 1e3 + rounds.Sum(round => round.Predicted?.DurationMilliseconds ?? round.DurationMilliseconds) + downtime;
        var rate = RateOf(settings).PagesPerSecond(predictor.Predict(0, predictor.MemoryPages, 0).DurationMilliseconds / 1e3);
        return new MigrationPrediction(predictor.RoundsLeft(predictor.MemoryPages, rate), Math.Round(total, 3), downtime);
    }

    private RoundPredictor PredictorOf(MigrationInfo info, double bandwidth) =>
        new((int)info.PageSize, info.Total / Math.Max(1, info.PageSize), bandwidth, _parameters.DowntimeLimitMicroseconds);

    private double BandwidthAfter(RoundInfo? round) => _parameters.MaxBandwidth > 0 ? _parameters.MaxBandwidth : round?.Bandwidth ?? 0;

    private WorkloadRate RateOf(VmSettings settings)
    {
        if (!_rates.TryGetValue(settings, out var rate)) _rates[settings] = rate = WorkloadRate.Of(settings);
        return rate;
    }
}
