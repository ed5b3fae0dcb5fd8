using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Grains.Placement;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Running;

/// <summary>
/// Migrations as results.json has them, with a prediction beside everything that was measured. Round 0 is predicted from the workload
/// (<see cref="WorkloadRate"/>), each later round from the dirty rate of the round before and what that left to be sent. The bandwidth is
/// what the campaign gives a migration that has its link to itself, or, where there is no limit, that of the round before. How many pages
/// are zero, and what a switchover costs beside its pages, no model knows: they are taken to be what they were when this kind of VM
/// migrated before.
/// </summary>
internal sealed class MigrationFigures(Campaign campaign)
{
    private readonly Dictionary<VmSettings, WorkloadRate> _rates = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<VmSettings, double> _zeroShares = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<VmSettings, List<double>> _costs = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<VmSettings, WorkloadForecast> _forecasts = new(ReferenceEqualityComparer.Instance);
    private readonly MigrationParameters _parameters = campaign.Migrations.ForecastParameters;
    private readonly double _stopBytesPerSecond = campaign.Migrations.StopBytesPerSecond;

    /// <param name="migrations">in the order in which they ended</param>
    public IReadOnlyList<MigrationResult> Of(IReadOnlyList<EndedMigration> migrations) => [.. migrations.Select(Of)];

    private MigrationResult Of(EndedMigration migration)
    {
        var (move, info, _, program) = migration;
        var rounds = RoundsOf(info, move.Slot.Settings);
        var predicted = PredictionOf(info, rounds, move.Slot.Settings);
        var forecast = ForecastOf(info, rounds, move.Slot.Settings, program);
        NoteCost(info, move.Slot.Settings);
        if (ZeroShareOf(rounds) is { } zeroShare) _zeroShares[move.Slot.Settings] = zeroShare;
        return new MigrationResult
        {
            Vm = move.Slot.DisplayName,
            Workload = move.Slot.Settings.Name,
            Source = ActorKeys.Host(move.Source),
            Destination = ActorKeys.Host(move.Destination),
            Epoch = info.Epoch,
            Status = info.Status,
            Reason = info.Reason.Length == 0 ? null : info.Reason,
            GuestLost = migration.Info.IsGuestLost,
            TotalTime = info.TotalMicroseconds / 1e3,
            SetupTime = info.SetupMicroseconds / 1e3,
            Downtime = info.DowntimeMicroseconds / 1e3,
            DowntimeLimit = _parameters.DowntimeLimitMicroseconds / 1e3,
            DowntimeParts = MigrationDowntime.From(info.DowntimeParts),
            CheckTime = info.CheckMicroseconds / 1e3,
            ExpectedDowntime = info.ExpectedDowntimeMicroseconds / 1e3,
            CpuThrottlePercentage = info.CpuThrottlePercentageMax,
            VcpuThrottleTime = [.. info.VcpuThrottledMicroseconds.Select(slept => slept / 1e3)],
            Ram = MigrationRam.From(info),
            PostcopyBlocktime = info.PostcopyBlocktime.AllMicroseconds / 1e3,
            PostcopyVcpuBlocktime = [.. info.PostcopyBlocktime.VcpuMicroseconds.Select(blocked => blocked / 1e3)],
            PostcopyPauses = info.PostcopyPauses,
            Predicted = predicted,
            Forecast = forecast is var (whole, start) ? MigrationForecastResult.From(whole, start) : null,
            Rounds = [.. rounds.Select(round => round with { Forecast = RoundOf(forecast?.Forecast, round.Round) })],
            Statuses = [.. info.Steps.Select(step => new MigrationStatusTime(step.Status, step.AtMicroseconds / 1e3))],
        };
    }

    private static RoundResult? RoundOf(MigrationForecast? forecast, int number) =>
        RoundResult.From(forecast?.Rounds.ElementAtOrDefault(number));

    private List<MigrationRound> RoundsOf(MigrationInfo info, VmSettings settings)
    {
        var rounds = new List<MigrationRound>();
        Round? before = null;
        foreach (var round in info.Rounds)
        {
            var predicted = Predict(info, settings, round, before);
            var bandwidth = BandwidthAfter(before);
            var gap = predicted is null ? null : PredictionGap.Between(predicted, round, (int)info.PageSize, bandwidth);
            rounds.Add(MigrationRound.From(round, predicted, gap));
            before = round;
        }

        return rounds;
    }

    /// <summary>What could be known when the round began. Of a migration with more rounds than are kept, the first that was kept has no
    /// prediction.</summary>
    private Round? Predict(MigrationInfo info, VmSettings settings, Round round, Round? before)
    {
        var bandwidth = BandwidthAfter(before);
        if (bandwidth <= 0 || (before is null && round.Number > 0)) return null;
        var predictor = PredictorOf(info, bandwidth);
        var pages = before is null ? predictor.MemoryPages : before.RemainingBytes / info.PageSize;
        var written = settings.Content.ZeroPercent / 100.0;
        var zeroPages = (long)(pages * (before is null ? _zeroShares.GetValueOrDefault(settings, written) : written));
        var rate = before is null
            ? RateOf(settings).PagesPerSecond(predictor.Predict(0, pages, 0, zeroPages).Microseconds / 1e6)
            : before.DirtyPagesPerSecond;
        var predicted = predictor.Predict(round.Number, pages, rate, zeroPages);

        // A rate that was measured under a throttle foresees the same throttle.
        return before is null
            ? predicted
            : predicted with { ThrottlePercentage = before.ThrottlePercentage, DirtyLimited = before.DirtyLimited };
    }

    private MigrationPrediction? PredictionOf(MigrationInfo info, List<MigrationRound> rounds, VmSettings settings)
    {
        var bandwidth = BandwidthAfter(info.Rounds.Count > 0 ? info.Rounds[^1] : null);
        if (bandwidth <= 0 || rounds.Count == 0) return null;
        var predictor = PredictorOf(info, bandwidth);
        var pagesLeft = rounds[^1].Remaining / info.PageSize;
        var left = PredictorOf(info, _stopBytesPerSecond).Predict(rounds.Count, pagesLeft, 0);
        var downtime = Math.Round(CostOf(settings) + left.Microseconds / 1e3, 3);
        var total =
            info.SetupMicroseconds / 1e3 + rounds
                .Sum(round => round.Predicted?.DurationMilliseconds ?? round.DurationMilliseconds) + downtime;
        var rate = RateOf(settings).PagesPerSecond(predictor.Predict(0, predictor.MemoryPages, 0).Microseconds / 1e6);
        return new MigrationPrediction(predictor.RoundsLeft(predictor.MemoryPages, rate), Math.Round(total, 3), downtime);
    }

    private (MigrationForecast Forecast, double StartMilliseconds)? ForecastOf(
        MigrationInfo info, List<MigrationRound> rounds, VmSettings settings, long? program)
    {
        if (_parameters.MaxBandwidth == 0 || info.PageSize == 0 || program is not { } began) return null;
        if (!_forecasts.TryGetValue(settings, out var forecast))
            _forecasts[settings] = forecast = new WorkloadForecast(settings, _parameters, _stopBytesPerSecond);
        return forecast.Of(
            info, began, ZeroShareOf(rounds) ?? _zeroShares.GetValueOrDefault(settings, settings.Content.ZeroPercent / 100.0),
            _costs.ContainsKey(settings) ? CostOf(settings) : SenderCosts.Measured.SwitchoverMicroseconds / 1e3);
    }

    private static double? ZeroShareOf(List<MigrationRound> rounds) =>
        rounds is [{ Round: 0, Pages: > 0 } first, ..] ? (double)first.Duplicate / first.Pages : null;

    /// <summary>Milliseconds of downtime beside the pages, as known before this migration.</summary>
    private double CostOf(VmSettings settings)
    {
        if (!_costs.TryGetValue(settings, out var costs)) return 0;
        var sorted = costs.Order().ToList();
        return sorted[(sorted.Count - 1) / 2];
    }

    private void NoteCost(MigrationInfo info, VmSettings settings)
    {
        if (info.Status != MigrationStatus.Completed) return;
        if (!_costs.TryGetValue(settings, out var costs)) _costs[settings] = costs = [];
        costs.Add(Math.Max(0, info.DowntimeMicroseconds / 1e3 - info.DowntimeBytes * 1e3 / _stopBytesPerSecond));
    }

    private RoundPredictor PredictorOf(MigrationInfo info, double bandwidth) =>
        new((int)info.PageSize, info.Total / Math.Max(1, info.PageSize), bandwidth, _parameters.DowntimeLimitMicroseconds);

    private double BandwidthAfter(Round? round) => _parameters.MaxBandwidth > 0 ? _parameters.MaxBandwidth : round?.Bandwidth ?? 0;

    private WorkloadRate RateOf(VmSettings settings)
    {
        if (!_rates.TryGetValue(settings, out var rate)) _rates[settings] = rate = WorkloadRate.Of(settings);
        return rate;
    }
}
