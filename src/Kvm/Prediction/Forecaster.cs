using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// Pre-copy without a guest: round after round of <c>migration_iteration_run</c> over a model of the guest's writes, until what is left
/// fits into the downtime limit, post-copy takes over, or a limit is hit. Invariant: what is transferred is the sum of the rounds and the
/// rest, and nothing else. Simplified: the link carries its bandwidth exactly, whatever the number of channels. What the sender takes
/// beside it is in <see cref="ForecastSettings.Sender"/> and <see cref="ForecastSettings.SwitchoverCostMicroseconds"/>. A round is sent
/// to its end before the next sync, as our own sender does it; <see cref="QemuForecaster"/> does it as QEMU.
/// </summary>
public static class Forecaster
{
    /// <exception cref="ArgumentOutOfRangeException">A parameter is out of bounds, or the bandwidth is missing.</exception>
    public static MigrationForecast Run(IForecastWorkload workload, MigrationParameters parameters, ForecastSettings settings)
    {
        if (settings.Qemu is { } qemu) return QemuForecaster.Run(workload, parameters, settings, qemu);
        parameters.Check();
        settings.Check();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(parameters.MaxBandwidth);
        var guest = workload.Start(parameters, settings);
        var throttle = new ForecastThrottle(parameters, settings);
        var rounds = new List<Round>();
        var (now, lost) = (settings.Sender.SetupMicroseconds / 1e6, 0.0);
        var measured = (double)parameters.MaxBandwidth;
        while (true)
        {
            var pace = throttle.Pace;
            var bandwidth = settings.Sender.OnTheLink(parameters.MaxBandwidth, settings.PageSize, isFirst: rounds.Count == 0);
            var traffic = guest.SendRound(bandwidth, pace, settings.Sender.RoundMicroseconds / 1e6);
            now += traffic.Seconds;
            lost += traffic.LostSeconds;
            // What the sender measures: a round that sent nothing says nothing.
            if (settings.Sender != SenderCosts.None && traffic.Bytes > 0) measured = traffic.Bytes / traffic.Seconds;
            var expected = parameters.AvailSwitchoverBandwidth > 0 ? parameters.AvailSwitchoverBandwidth : measured;
            rounds.Add(RoundOf(rounds.Count, traffic, guest, pace, expected, settings));
            throttle.Synchronise(now, traffic.Bytes, guest.DirtyPages);
            if (rounds[^1].RemainingBytes <= expected * (parameters.DowntimeLimitMicroseconds / 1e6))
                return Switchover(rounds, now, lost, parameters, settings);
            if (parameters.PostcopyAfterRounds > 0 && rounds.Count >= parameters.PostcopyAfterRounds)
                return Postcopy(rounds, now, lost, guest, parameters, settings);
            if (parameters.TimeLimitMicroseconds > 0 && now * 1e6 >= parameters.TimeLimitMicroseconds)
                return GivenUp(rounds, now, lost, settings, ForecastLimit.TimeLimit);
            if (rounds.Count >= parameters.RoundsMax) return GivenUp(rounds, now, lost, settings, ForecastLimit.RoundsMax);
        }
    }

    /// <summary>With which it goes.</summary>
    private static double StopBytesPerSecond(MigrationParameters parameters, ForecastSettings settings) => settings.Sender.OnTheLink(
        settings.StopBytesPerSecond > 0 ? settings.StopBytesPerSecond : parameters.MaxBandwidth, settings.PageSize, isFirst: false);

    private static Round RoundOf(
        int number, RoundTraffic traffic, IForecastGuest guest, ThrottledRate pace, double expectedBytesPerSecond,
        ForecastSettings settings)
    {
        var remaining = guest.DirtyPages * WireFormat.PageBytes(settings.PageSize);
        return new Round(
            number, traffic.Pages, traffic.ZeroPages, traffic.Bytes, Microseconds(traffic.Seconds), guest.DirtyPages, remaining,
            Microseconds(remaining / expectedBytesPerSecond + settings.SwitchoverCostMicroseconds / 1e6),
            pace.ThrottlePercentage, DirtyLimited: pace.DirtyPagesPerSecond > 0)
        {
            DirtyPagesPerSecond = traffic.Seconds > 0 ? Math.Round(guest.DirtyPages / traffic.Seconds, 1) : 0,
        };
    }

    private static MigrationForecast Switchover(
        List<Round> rounds, double now, double lost, MigrationParameters parameters, ForecastSettings settings)
    {
        var rest = rounds[^1].RemainingBytes;
        var downtime = rest / StopBytesPerSecond(parameters, settings) + settings.SwitchoverCostMicroseconds / 1e6;
        // What would fit came too late.
        if (parameters.TimeLimitMicroseconds > 0 && (now + downtime) * 1e6 > parameters.TimeLimitMicroseconds)
            return GivenUp(rounds, now, lost, settings, ForecastLimit.TimeLimit);
        return new MigrationForecast
        {
            Verdict = MigrationForecast.IsOverLimit(downtime, parameters) ? ForecastVerdict.OverLimit : ForecastVerdict.Converges,
            Limit = ForecastLimit.None,
            DirtySyncCount = rounds.Count + 2,
            Transferred = rounds.Sum(round => round.Bytes) + rest,
            TotalTimeMilliseconds = Milliseconds(now + downtime),
            DowntimeMilliseconds = Milliseconds(downtime),
            Remaining = 0,
            ThrottledMilliseconds = Milliseconds(lost),
            Rounds = rounds,
            SwitchoverCostMilliseconds = settings.SwitchoverCostMicroseconds / 1e3,
            DowntimeBytes = rest,
        };
    }

    private static MigrationForecast Postcopy(
        List<Round> rounds, double now, double lost, IForecastGuest guest, MigrationParameters parameters,
        ForecastSettings settings)
    {
        var discard = WireFormat.DiscardListBytes(guest.DirtyRuns);
        var downtime = discard / StopBytesPerSecond(parameters, settings) + settings.SwitchoverCostMicroseconds / 1e6;
        var link = parameters.MaxPostcopyBandwidth > 0 ? parameters.MaxPostcopyBandwidth : parameters.MaxBandwidth;
        var push = guest.Push(settings.Sender.OnTheLink(link, settings.PageSize, isFirst: false));
        return new MigrationForecast
        {
            Verdict = MigrationForecast.IsOverLimit(downtime, parameters) ? ForecastVerdict.OverLimit : ForecastVerdict.Postcopy,
            Limit = ForecastLimit.None,
            DirtySyncCount = rounds.Count + 2,
            Transferred = rounds.Sum(round => round.Bytes) + discard + push.Bytes,
            TotalTimeMilliseconds = Milliseconds(now + downtime + push.Seconds),
            DowntimeMilliseconds = Milliseconds(downtime),
            Remaining = 0,
            ThrottledMilliseconds = Milliseconds(lost),
            Rounds = rounds,
            SwitchoverCostMilliseconds = settings.SwitchoverCostMicroseconds / 1e3,
            DowntimeBytes = discard,
            Postcopy = PostcopyForecast.Of(push, discard),
        };
    }

    private static MigrationForecast GivenUp(
        List<Round> rounds, double now, double lost, ForecastSettings settings, ForecastLimit limit)
    {
        var diverging = Divergence.RoundOf([.. rounds.Select(round => round.RemainingBytes)]);
        return new MigrationForecast
        {
            Verdict = diverging is null ? ForecastVerdict.OutOfTime : ForecastVerdict.Diverging,
            Limit = limit,
            DivergingRound = diverging,
            DirtySyncCount = rounds.Count + 1,
            Transferred = rounds.Sum(round => round.Bytes),
            TotalTimeMilliseconds = Milliseconds(now),
            Remaining = rounds[^1].RemainingBytes,
            ThrottledMilliseconds = Milliseconds(lost),
            Rounds = rounds,
            SwitchoverCostMilliseconds = settings.SwitchoverCostMicroseconds / 1e3,
        };
    }

    private static long Microseconds(double seconds) => (long)Math.Round(seconds * 1e6);

    /// <summary>To the microsecond.</summary>
    private static double Milliseconds(double seconds) => Math.Round(seconds * 1e3, 3);
}
