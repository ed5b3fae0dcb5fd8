using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// Pre-copy as QEMU's <c>migration_thread</c> does it (migration/migration.c): windows of 100 ms, each with a tenth of
/// <c>max-bandwidth</c>; a sync as soon as what is known to be left falls below the threshold; a stop phase as fast as the link. A
/// <see cref="Round"/> is what was sent between two syncs. Held against measured migrations in
/// tests/Kvm.Tests/Prediction/QemuForecastTests.cs. Simplified: a sync takes no time, and the link carries its bandwidth exactly.
/// </summary>
internal sealed class QemuForecaster
{
    /// <summary><c>BUFFER_DELAY</c>: the window of the rate limit, after which the threshold is computed.</summary>
    private const double WindowSeconds = 0.1;

    /// <summary><c>MAX_WAIT</c> of ram_save_iterate.</summary>
    private const double SliceSeconds = 0.05;

    /// <summary><c>CPU_THROTTLE_DIRTY_SYNC_TIMESLICE_MS</c>.</summary>
    private const double PeriodicSyncSeconds = 5;

    /// <summary>What counts as a low for <see cref="ForecastTimeoutAction.SuspendAtLow"/>.</summary>
    private const double LowShare = 1.1;

    /// <summary>Fewer rounds say nothing, whatever the time.</summary>
    private const int RoundsUntilHopeless = 8;

    private readonly MigrationParameters _parameters;
    private readonly ForecastSettings _settings;
    private readonly QemuSettings _qemu;
    private readonly QemuGuest _guest;
    private readonly ForecastThrottle _throttle;
    private readonly List<Round> _rounds = [];
    private readonly double _bytesOfWindow;
    private readonly bool _syncsPeriodically;
    private readonly double _hopelessSeconds;

    private double _now;
    private double _timeLimit;
    private double _threshold;
    private double _windowStart;
    private double _windowBytes;
    private SentPages _sent;
    private double _roundStart;
    private double _nextPeriodicSync = PeriodicSyncSeconds;
    private int _roundsAtPeriod = -1;
    private long _leastLeft = long.MaxValue;
    private double _leastLeftAt;
    private double _longestWithoutProgress;
    private bool _isAtLow;
    private double _paceSince;
    private int _roundsAtPace;

    private QemuForecaster(IForecastWorkload workload, MigrationParameters parameters, ForecastSettings settings, QemuSettings qemu)
    {
        (_parameters, _settings, _qemu) = (parameters, settings, qemu);
        _guest = new QemuGuest(workload, settings, qemu);
        _throttle = new ForecastThrottle(parameters, settings);
        _bytesOfWindow = parameters.MaxBandwidth == 0 ? double.PositiveInfinity : parameters.MaxBandwidth * WindowSeconds;
        _timeLimit = parameters.TimeLimitMicroseconds == 0 ? double.PositiveInfinity : parameters.TimeLimitMicroseconds / 1e6;
        _hopelessSeconds = qemu.GivesUpAfterPasses == 0
            ? double.PositiveInfinity
            : qemu.GivesUpAfterPasses * workload.RepeatsAfterMicroseconds(settings) / 1e6 / settings.Speed;
        _syncsPeriodically = qemu.Version.SyncsWithinAPass && parameters.Throttle == ThrottleKind.AutoConverge;
    }

    private double LimitSeconds => _parameters.DowntimeLimitMicroseconds / 1e6;

    private long LeftBytes => _guest.KnownPages * _settings.PageSize;

    /// <exception cref="ArgumentOutOfRangeException">A parameter is out of bounds.</exception>
    public static MigrationForecast Run(
        IForecastWorkload workload, MigrationParameters parameters, ForecastSettings settings, QemuSettings qemu)
    {
        parameters.Check();
        settings.Check();
        qemu.Check();
        return new QemuForecaster(workload, parameters, settings, qemu).Run();
    }

    private MigrationForecast Run()
    {
        while (true)
        {
            if (IsDone()) return Switchover(ForecastLimit.None);
            if (_parameters.PostcopyAfterRounds > 0 && _rounds.Count >= _parameters.PostcopyAfterRounds) return Postcopy();
            if (_isAtLow) return Switchover(ForecastLimit.TimeLimit);
            if (_roundsAtPace >= RoundsUntilHopeless && _now - _paceSince >= _hopelessSeconds) PassOver();
            if (_now >= _timeLimit) return AtLimit(ForecastLimit.TimeLimit);
            if (_rounds.Count >= _parameters.RoundsMax) return AtLimit(ForecastLimit.RoundsMax);
            SendSlice();
            EndWindow();
            if (_syncsPeriodically && _now >= _nextPeriodicSync) SynchronisePeriodically();
        }
    }

    /// <summary>To the time limit, or where there is none to the limit of rounds: what comes until then is as what was.</summary>
    private void PassOver()
    {
        _now = double.IsInfinity(_timeLimit) ? _now : Math.Max(_now, _timeLimit);
        _guest.PassOver(_now);
        if (double.IsInfinity(_timeLimit)) _timeLimit = _now;
    }

    /// <summary><c>migration_iteration_run</c>: a sync where little is known to be left, and whether it is little after that too.</summary>
    private bool IsDone()
    {
        var isDue = _qemu.Version.SyncsBeforeEveryEnd ? LeftBytes <= _threshold : LeftBytes < _threshold;
        if (isDue) Synchronise();
        return LeftBytes == 0 || LeftBytes < _threshold;
    }

    private void Synchronise()
    {
        var pace = _guest.Pace;
        var added = _guest.Synchronise(_now);
        var seconds = _now - _roundStart;
        var left = _guest.KnownBytes;
        _rounds.Add(new Round(
            _rounds.Count, _sent.Pages, _sent.ZeroPages, _sent.Bytes, Microseconds(seconds), added, left,
            Microseconds(DowntimeOfRest()), pace.ThrottlePercentage, DirtyLimited: pace.DirtyPagesPerSecond > 0)
        {
            DirtyPagesPerSecond = seconds > 0 ? Math.Round(added / seconds, 1) : 0,
        });
        _throttle.Synchronise(_now, _sent.Bytes, added);
        _guest.Pace = _throttle.Pace;
        if (_guest.Pace == pace) _roundsAtPace++;
        else (_roundsAtPace, _paceSince) = (0, _now);
        (_sent, _roundStart) = (default, _now);
        if (_qemu.TimeoutAction == ForecastTimeoutAction.SuspendAtLow && _now >= _timeLimit / 2)
            _isAtLow = left <= _rounds.SkipLast(1).Select(round => round.RemainingBytes).DefaultIfEmpty(0).Min() * LowShare;
    }

    private void SendSlice()
    {
        var windowLeft = _bytesOfWindow - _windowBytes;
        var sent = _guest.Send(_now, Math.Min(_now + SliceSeconds, _windowStart + WindowSeconds), windowLeft);
        _settings.Budget.Spend(1);
        _now += sent.Seconds;
        _windowBytes += sent.Bytes;
        _sent = _sent.Plus(sent);

        // The cap of the window is used up: QEMU sleeps to its end.
        if (_windowBytes >= _bytesOfWindow) _now = Math.Max(_now, _windowStart + WindowSeconds);
    }

    /// <summary><c>migration_update_counters</c>.</summary>
    private void EndWindow()
    {
        if (LeftBytes < _leastLeft) (_leastLeft, _leastLeftAt) = (LeftBytes, _now);
        _longestWithoutProgress = Math.Max(_longestWithoutProgress, _now - _leastLeftAt);
        if (_now < _windowStart + WindowSeconds) return;
        var measured = _windowBytes / (_now - _windowStart);
        _threshold = (_qemu.AvailSwitchoverBandwidth > 0 ? _qemu.AvailSwitchoverBandwidth : measured) * LimitSeconds;
        (_windowStart, _windowBytes) = (_now, 0);
    }

    /// <summary><c>cpu_throttle_dirty_sync_timer_tick</c>: not in the first pass, and only where no sync came since the last
    /// tick.</summary>
    private void SynchronisePeriodically()
    {
        _nextPeriodicSync += PeriodicSyncSeconds;
        if (_rounds.Count > 0 && _rounds.Count == _roundsAtPeriod) Synchronise();
        _roundsAtPeriod = _rounds.Count;
    }

    /// <summary>Seconds of a stop here and now.</summary>
    private double DowntimeOfRest() =>
        _settings.SwitchoverCostMicroseconds / 1e6 + _guest.KnownBytes / _qemu.StopBytesPerSecond
            + _guest.KnownZeroPages * _qemu.ZeroPageMicroseconds / 1e6;

    private MigrationForecast AtLimit(ForecastLimit limit)
    {
        if (_qemu.TimeoutAction == ForecastTimeoutAction.Cancel) return GivenUp(limit);
        if (_qemu.TimeoutAction == ForecastTimeoutAction.Postcopy) return Postcopy();
        return Switchover(limit);
    }

    /// <param name="forcedBy">the limit at which the guest stops although too much is left</param>
    private MigrationForecast Switchover(ForecastLimit forcedBy)
    {
        // Without a round before there was no sync at all: the final one is the first.
        _guest.Synchronise(_now);
        var (downtime, rest) = (DowntimeOfRest(), _guest.KnownBytes);
        if (forcedBy == ForecastLimit.None && _now + downtime > _timeLimit && _qemu.TimeoutAction == ForecastTimeoutAction.Cancel)
            return GivenUp(ForecastLimit.TimeLimit);
        return Ended(VerdictOf(downtime, ForecastVerdict.Converges), forcedBy) with
        {
            Transferred = TransferredInRounds + rest,
            TotalTimeMilliseconds = Milliseconds(_now + downtime),
            DowntimeMilliseconds = Milliseconds(downtime),
            DowntimeBytes = rest,
        };
    }

    private MigrationForecast Postcopy()
    {
        _guest.Synchronise(_now);
        var discard = WireFormat.DiscardListBytes(_guest.KnownRuns);
        var downtime = discard / _qemu.StopBytesPerSecond + _settings.SwitchoverCostMicroseconds / 1e6;
        var push = _guest.Push(PushBandwidth);
        return Ended(VerdictOf(downtime, ForecastVerdict.Postcopy), ForecastLimit.None) with
        {
            Transferred = TransferredInRounds + discard + push.Bytes,
            TotalTimeMilliseconds = Milliseconds(_now + downtime + push.Seconds),
            DowntimeMilliseconds = Milliseconds(downtime),
            DowntimeBytes = discard,
            Postcopy = PostcopyForecast.Of(push, discard),
        };
    }

    /// <summary><c>max-postcopy-bandwidth</c> is no bound by default, and <c>max-bandwidth</c> is not looked at.</summary>
    private double PushBandwidth =>
        _parameters.MaxPostcopyBandwidth > 0 ? Math.Min(_parameters.MaxPostcopyBandwidth, _qemu.LinkBandwidth) : _qemu.LinkBandwidth;

    private MigrationForecast GivenUp(ForecastLimit limit)
    {
        _guest.Synchronise(_now);
        var diverging = Divergence.RoundOf([.. _rounds.Select(round => round.RemainingBytes)]);
        var verdict = diverging is null ? ForecastVerdict.OutOfTime : ForecastVerdict.Diverging;
        return Ended(verdict, limit) with
        {
            DivergingRound = diverging,
            DirtySyncCount = 1 + _rounds.Count,
            Remaining = _guest.KnownBytes,
            StopAtLimitMilliseconds = Milliseconds(DowntimeOfRest()),
        };
    }

    private MigrationForecast Ended(ForecastVerdict verdict, ForecastLimit limit) => new()
    {
        Verdict = verdict,
        Limit = limit,
        DirtySyncCount = 2 + _rounds.Count,
        Transferred = TransferredInRounds,
        TotalTimeMilliseconds = Milliseconds(_now),
        Remaining = 0,
        ThrottledMilliseconds = Milliseconds(_guest.LostSeconds),
        Rounds = _rounds,
        SwitchoverCostMilliseconds = _settings.SwitchoverCostMicroseconds / 1e3,
        LongestWithoutProgressMilliseconds = Milliseconds(Math.Max(_longestWithoutProgress, _now - _leastLeftAt)),
    };

    /// <summary>What was sent after the last sync counts too.</summary>
    private long TransferredInRounds => _rounds.Sum(round => round.Bytes) + _sent.Bytes;

    private ForecastVerdict VerdictOf(double downtime, ForecastVerdict within) =>
        MigrationForecast.IsOverLimit(downtime, _parameters) ? ForecastVerdict.OverLimit : within;

    private static long Microseconds(double seconds) => (long)Math.Round(seconds * 1e6);

    private static double Milliseconds(double seconds) => Math.Round(seconds * 1e3, 3);
}
