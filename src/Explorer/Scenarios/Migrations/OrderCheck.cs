using Livebed.Explorer.Beds;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// M5: what a migration was asked for, against what it says and what the clock says. In the explorer time passes only where lanes wait for
/// a timer, and by a microsecond for each step, so bandwidths can be judged both ways: as fast as it may, and no faster.
/// </summary>
/// <param name="stage">where it was</param>
/// <param name="parameters">what it was asked for</param>
/// <param name="steps">of the world, while it went on</param>
internal sealed class OrderCheck(Stage stage, MigrationParameters parameters, long steps)
{
    private const long PerSecond = 1_000_000;

    /// <summary>Pages that go ahead of a batch: its own, and that of the other vCPU.</summary>
    private const int WantedMax = 2;

    /// <summary>What a pause takes whose link is repaired at once: it looks every millisecond.</summary>
    private const long PauseMicroseconds = 4_000;

    /// <summary>Batches on their way when a limit is over: one a channel, and the one whose end was waited for.</summary>
    private const int BatchesMax = 3;

    private const int TimesTooHigh = 2;

    private long Slowest => Link == 0 ? parameters.MaxBandwidth : parameters.MaxBandwidth == 0 ? Link
        : Math.Min(Link, parameters.MaxBandwidth);

    private long Link => stage.Bed.Options.LinkBandwidth;

    /// <summary>A migration that has ended, of a guest that writes or does not.</summary>
    public void Judge(MigrationInfo info, bool isQuiet)
    {
        JudgeRate(info);
        JudgeRounds(info);
        JudgeEnd(info);
        JudgeThrottle(info);
        if (isQuiet && info.Rounds is [{ RemainingBytes: > 0 }, ..] or { Count: > 1 })
            Broke($"a guest that writes nothing has {info.Rounds[0].RemainingBytes} bytes to send after the first of {info.Rounds.Count}");
    }

    /// <summary>Post-copy in which every vCPU waits for at most one page.</summary>
    /// <param name="info">the migration</param>
    /// <param name="batch">pages of a batch, of which one has content</param>
    /// <param name="linkBroke">so that a batch may have been sent in vain, and the migration may have paused</param>
    public void JudgeWaits(MigrationInfo info, int batch, bool linkBroke)
    {
        var bandwidth = Link > 0 ? Link : parameters.MaxBandwidth;
        var wanted = PageChunk.HeaderBytes + sizeof(long) + Bed.PageSize;
        var chunk = PageChunk.HeaderBytes + batch * sizeof(long) + Bed.PageSize;
        var most = TimeOf(chunk + WantedMax * wanted, bandwidth) + stage.Bed.Options.TakeOverAnswerMicroseconds + steps;
        if (linkBroke) most += TimeOf(chunk, bandwidth) + PauseMicroseconds;
        var ahead = TimeOf(WantedMax * wanted, bandwidth) + steps;
        if (!linkBroke && stage.Migration!.Wire.WantedMicrosecondsMax is var longest && longest > ahead)
            stage.Broke(
                Invariants.MigrationProgress,
                $"a page that a vCPU wanted, and that was not on its way, has taken {longest} us; ahead of all others it takes {ahead} us");
        if (stage.Migration!.Wire.Meter.AheadMicroseconds is var early and > 0)
            Broke($"post-copy has sent its bytes {early} us earlier than its {bandwidth} bytes a second allow");
        foreach (var waited in info.PostcopyBlocktime.VcpuMicroseconds)
            if (waited > most)
                stage.Broke(
                    Invariants.MigrationProgress,
                    $"a vCPU has waited {waited} us for one page in post-copy; with the batch before it, it takes {most} us");
    }

    private void JudgeRate(MigrationInfo info)
    {
        // Of a round that was cut short, batches that count as sent are on their way still when pre-copy is over.
        if (info.Reason.Length > 0 || WasInPostcopy(info)) return;
        JudgeRate("pre-copy", info.PrecopyBytes, EndOfPrecopy(info) - info.SetupMicroseconds, parameters.MaxBandwidth);
        if (info.Status == MigrationStatus.Completed)
            JudgeRate("the switchover", info.DowntimeBytes, info.DowntimeMicroseconds, own: 0);
    }

    private void JudgeRate(string what, long bytes, long microseconds, long own)
    {
        var least = Math.Max(TimeOf(bytes, own), TimeOf(bytes, Link));
        var most = TimeOf(bytes, own) + TimeOf(bytes, Link) + steps;
        if (microseconds < least) Broke($"{what} has sent {bytes} bytes in {microseconds} us; at its bandwidth they take {least} us");
        if (microseconds > most)
            Broke($"{what} has taken {microseconds} us for {bytes} bytes; at its bandwidth they take {most} us");
    }

    /// <summary>The rounds are as many as the limits let be, and each says what it has sent.</summary>
    private void JudgeRounds(MigrationInfo info)
    {
        var rounds = info.Rounds;
        if (rounds.Count > parameters.RoundsMax) Broke($"{rounds.Count} rounds, and at most {parameters.RoundsMax} are allowed");
        if (parameters.PostcopyAfterRounds > 0 && rounds.Count > parameters.PostcopyAfterRounds)
            Broke($"{rounds.Count} rounds, and post-copy was to come after {parameters.PostcopyAfterRounds}");
        var rate = 0.0;
        for (var i = 0; i < rounds.Count; i++)
        {
            if (rounds[i].Bytes > 0) rate = (double)rounds[i].Bytes / rounds[i].Microseconds;
            var switchover = parameters.AvailSwitchoverBandwidth > 0 ? (double)parameters.AvailSwitchoverBandwidth / PerSecond : rate;
            var expected = rounds[i].RemainingBytes == 0 ? 0 : rounds[i].RemainingBytes / switchover;
            if (Math.Abs(expected - rounds[i].ExpectedDowntimeMicroseconds) > 1)
                Broke($"round {i} expects {rounds[i].ExpectedDowntimeMicroseconds} us of downtime; what is left takes {expected:F0} us");
            var isLast = i == rounds.Count - 1;
            var fits = expected <= parameters.DowntimeLimitMicroseconds;
            if (fits && !isLast) Broke($"round {i + 1} began though what was left fitted into the downtime limit");
            if (!fits && isLast && info.Reason.Length == 0 && info.Status == MigrationStatus.Completed && !WasInPostcopy(info))
                Broke($"the guest was stopped for {expected:F0} us; the limit is {parameters.DowntimeLimitMicroseconds} us");
        }
    }

    private void JudgeEnd(MigrationInfo info)
    {
        var isLate = IsLate(info);
        var saysLate = info.Reason.EndsWith(" ms", StringComparison.Ordinal);
        if (saysLate && !isLate) Broke($"it gives up for its time limit, which is {parameters.TimeLimitMicroseconds} us: {info.Reason}");
        var all = PageChunk.HeaderBytes + info.Total + info.Total / Bed.PageSize * sizeof(long);
        var batch = TimeOf(BatchesMax * all, Slowest);
        if (isLate && EndOfPrecopy(info) > parameters.TimeLimitMicroseconds + batch + steps)
            Broke($"its time limit is {parameters.TimeLimitMicroseconds} us, and pre-copy went on until {EndOfPrecopy(info)} us");
        if (info.Reason.EndsWith(" rounds", StringComparison.Ordinal) && info.Rounds.Count < parameters.RoundsMax)
            Broke($"it gives up after {info.Rounds.Count} of {parameters.RoundsMax} rounds: {info.Reason}");
        var isOrdered = parameters.PostcopyAfterRounds > 0 && info.Rounds.Count >= parameters.PostcopyAfterRounds;
        var wasLimit = info.Reason.StartsWith("not done", StringComparison.Ordinal);
        if (WasInPostcopy(info) && !isOrdered && !(wasLimit && parameters.TimeoutAction == TimeoutAction.Postcopy))
            Broke($"it went over to post-copy after {info.Rounds.Count} rounds, and nobody wanted that: {info.Reason}");
        var mustFail = wasLimit && parameters.TimeoutAction == TimeoutAction.Cancel;
        if (mustFail != (info.Status == MigrationStatus.Failed)) Broke($"it is {info.Status}: {info.Reason}");
    }

    /// <summary>The guest is slowed down by a step when, for the second time, more bytes became dirty in a round than the threshold's
    /// share of those sent, and at no other time. Every round is a period.</summary>
    private void JudgeThrottle(MigrationInfo info)
    {
        var (percentage, isLimited, tooHigh) = (0, false, 0);
        foreach (var round in info.Rounds)
        {
            if (round.ThrottlePercentage != percentage || round.DirtyLimited != isLimited)
                Broke(
                    $"in round {round.Number} the throttle is {round.ThrottlePercentage} %, or the limit {round.DirtyLimited}; it should "
                        + $"be {percentage} % and {isLimited}");
            var isTooHigh = round.DirtyPages * Bed.PageSize > round.Bytes * parameters.ThrottleTriggerThreshold / 100;
            if (parameters.Throttle == ThrottleKind.None || !isTooHigh || ++tooHigh < TimesTooHigh) continue;
            tooHigh = 0;
            isLimited = parameters.Throttle == ThrottleKind.DirtyLimit;
            if (isLimited) continue;
            percentage = percentage == 0
                ? parameters.CpuThrottleInitial
                : Math.Min(percentage + parameters.CpuThrottleIncrement, parameters.MaxCpuThrottle);
        }

        if (info.CpuThrottlePercentageMax > parameters.MaxCpuThrottle)
            Broke($"the throttle was at {info.CpuThrottlePercentageMax} %, and {parameters.MaxCpuThrottle} % is the most");
    }

    private bool IsLate(MigrationInfo info) =>
        parameters.TimeLimitMicroseconds > 0 && EndOfPrecopy(info) >= parameters.TimeLimitMicroseconds;

    private static bool WasInPostcopy(MigrationInfo info) => info.Steps.Any(step => step.Status == MigrationStatus.PostcopyActive);

    private static long EndOfPrecopy(MigrationInfo info)
    {
        for (var i = 0; i < info.Steps.Count - 1; i++)
            if (info.Steps[i].Status == MigrationStatus.Active) return info.Steps[i + 1].AtMicroseconds;
        return 0;
    }

    /// <summary>In microseconds; 0 for no bound.</summary>
    private static long TimeOf(long bytes, long bandwidth) => bandwidth == 0 ? 0 : bytes * PerSecond / bandwidth;

    private void Broke(string message) => stage.Broke(Invariants.AsOrdered, message);
}
