using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>A way to set up a migration of QEMU.</summary>
/// <param name="Parameters">as they would be set</param>
/// <param name="Qemu">with the link as so many channels fill it, and the action at the time limit of the parameters</param>
/// <param name="Channels">of multifd; 1 for none</param>
public sealed record AdviceSetting(MigrationParameters Parameters, QemuSettings Qemu, int Channels);

/// <summary>What a migration may cost.</summary>
/// <param name="DowntimeMicroseconds">the guest stands still for no longer, all counted</param>
/// <param name="TimeMicroseconds">it is over by then</param>
public readonly record struct AdviceLimits(long DowntimeMicroseconds, long TimeMicroseconds)
{
    public bool IsMetBy(MigrationForecast forecast) =>
        forecast.DowntimeMilliseconds * 1e3 <= DowntimeMicroseconds && forecast.TotalTimeMilliseconds * 1e3 <= TimeMicroseconds;
}

/// <summary>A setting as it was tried from one start after the other, until it was clear that nine of ten do not keep the
/// limits.</summary>
/// <param name="Setting">what was tried</param>
/// <param name="Forecasts">of the starts that were tried</param>
/// <param name="Failures">of them, those that do not keep the limits</param>
/// <param name="IsAdvisable">nine of ten starts keep the limits</param>
/// <param name="GuestLost">milliseconds of the guest's time, of the starts that complete; null when none does</param>
public sealed record TriedSetting(
    AdviceSetting Setting, IReadOnlyList<MigrationForecast> Forecasts, int Failures, bool IsAdvisable, Spread? GuestLost)
{
    /// <summary>Nine of ten starts keep the limits with all of the link, and not with the margin less.</summary>
    public bool LacksMargin { get; init; }

    public Spread? TotalTime => Spread.Of(Forecasts.Where(one => one.SwitchesOver).Select(one => one.TotalTimeMilliseconds));

    public Spread? Downtime => Spread.Of(Forecasts.Where(one => one.SwitchesOver).Select(one => one.DowntimeMilliseconds!.Value));
}

/// <summary>
/// Which settings of QEMU keep the given limits in nine of ten starts, the cheapest first: by the guest's time that is lost (downtime,
/// throttling, and waits of post-copy for each vCPU), then by total time. They must keep the limits also where the link carries less than
/// its name by a margin: headers take a part of it, and a setting that is the cheapest is often the one that only just converges.
/// Compression is left out.
/// </summary>
public static class Advice
{
    /// <summary>The time-out action comes at this share of the time, so that it is over in time.</summary>
    private const double TimeoutShare = 0.8;

    private static readonly int[] _postcopyRounds = [1, 2, 4];
    private static readonly int[] _dirtyLimitParts = [4, 10];

    /// <param name="workload">what the guest does</param>
    /// <param name="settings">of the guest</param>
    /// <param name="qemu">with the whole link</param>
    /// <param name="bandwidth"><c>max-bandwidth</c>; 0 for none</param>
    /// <param name="channelBandwidth">what one channel carries at most</param>
    /// <param name="limits">to be kept</param>
    /// <param name="linkMargin">share of the link that may be missing, 0 to 0.9</param>
    /// <returns>those that keep the limits by rank, then the others as they were tried</returns>
    public static IReadOnlyList<TriedSetting> Of(
        IForecastWorkload workload, ForecastSettings settings, QemuSettings qemu, long bandwidth, long channelBandwidth,
        AdviceLimits limits, double linkMargin)
    {
        var tried = new List<TriedSetting>();
        foreach (var (channels, link) in Links(qemu.LinkBandwidth, channelBandwidth))
        {
            var linked = qemu with { LinkBandwidth = link };
            var plain = new MigrationParameters
            {
                MaxBandwidth = bandwidth,
                Channels = channels,
                TimeLimitMicroseconds = limits.TimeMicroseconds,
            };
            foreach (var throttle in new[] { ThrottleKind.None, ThrottleKind.AutoConverge })
                foreach (var downtime in Downtimes(limits, settings))
                {
                    Try(plain with { DowntimeLimitMicroseconds = downtime, Throttle = throttle }, linked, channels);
                    // A lower limit is harder to reach.
                    if (!tried[^1].IsAdvisable) break;
                }

            plain = plain with { DowntimeLimitMicroseconds = Downtimes(limits, settings).First() };
            foreach (var part in qemu.Version.HasDirtyLimit ? _dirtyLimitParts : [])
            {
                var limit = Math.Max(1 << 20, link / part / settings.Vcpus >> 20 << 20);
                Try(plain with { Throttle = ThrottleKind.DirtyLimit, VcpuDirtyLimit = limit }, linked, channels);
            }

            foreach (var rounds in _postcopyRounds) Try(plain with { PostcopyAfterRounds = rounds }, linked, channels);
            var timeout = plain with { TimeLimitMicroseconds = (long)(limits.TimeMicroseconds * TimeoutShare) };
            Try(timeout, linked with { TimeoutAction = ForecastTimeoutAction.Suspend }, channels);
            Try(timeout, linked with { TimeoutAction = ForecastTimeoutAction.Postcopy }, channels);
        }

        return [.. tried.OrderBy(one => !one.IsAdvisable)
            .ThenBy(one => one.IsAdvisable ? Math.Round(one.GuestLost!.Median) : 0)
            .ThenBy(one => one.IsAdvisable ? Math.Round(one.TotalTime!.Median / 10) : 0)];

        void Try(MigrationParameters parameters, QemuSettings with, int channels)
        {
            var setting = new AdviceSetting(parameters, with, channels);
            var one = Tried(workload, settings, setting, limits);
            if (one.IsAdvisable && linkMargin > 0)
            {
                var less = with with { LinkBandwidth = (long)(with.LinkBandwidth * (1 - linkMargin)) };
                if (!Tried(workload, settings, setting with { Qemu = less }, limits).IsAdvisable)
                    one = one with { IsAdvisable = false, LacksMargin = true };
            }

            tried.Add(one);
        }
    }

    /// <summary>Milliseconds of the guest's time: of all vCPUs the mean.</summary>
    public static double GuestLost(MigrationForecast forecast, int vcpus) => forecast.DowntimeMilliseconds.GetValueOrDefault()
        + forecast.ThrottledMilliseconds + (forecast.Postcopy?.BlocktimeMilliseconds ?? 0) / vcpus;

    private static TriedSetting Tried(IForecastWorkload workload, ForecastSettings settings, AdviceSetting setting, AdviceLimits limits)
    {
        var starts = ForecastsByStart.StartsOf(workload);
        var (forecasts, failures) = (new List<MigrationForecast>(), 0);
        var hasty = setting.Qemu with { GivesUpAfterPasses = QemuSettings.PassesUntilHopeless };
        foreach (var start in starts)
        {
            forecasts.Add(Forecaster.Run(workload, setting.Parameters, settings with { StartMicroseconds = start, Qemu = hasty }));
            if (!limits.IsMetBy(forecasts[^1])) failures++;
            if (!ForecastsByStart.IsLikely(failures, starts.Count)) break;
        }

        var lost = Spread.Of(forecasts.Where(one => one.SwitchesOver).Select(one => Math.Round(GuestLost(one, settings.Vcpus), 3)));
        return new TriedSetting(setting, forecasts, failures, ForecastsByStart.IsLikely(failures, starts.Count), lost);
    }

    /// <summary>One stream without multifd, and as many channels as the link has room for.</summary>
    private static IEnumerable<(int Channels, long Link)> Links(long link, long channel)
    {
        yield return (1, Math.Min(link, channel));
        if (channel >= link) yield break;
        var channels = (int)Math.Min(MigrationParameters.ChannelsMax, (link + channel - 1) / channel);
        yield return (channels, Math.Min(link, channels * channel));
    }

    /// <summary>Downtime limits to try, in whole milliseconds. QEMU knows neither what a switchover costs beside the pages nor their
    /// headers: both are taken off.</summary>
    private static IEnumerable<long> Downtimes(AdviceLimits limits, ForecastSettings settings)
    {
        var pages = (limits.DowntimeMicroseconds - settings.SwitchoverCostMicroseconds) / 1e3;
        var most = Math.Max(1, (long)(pages * settings.PageSize / WireFormat.PageBytes(settings.PageSize)));
        return new[] { most, most / 2, most / 4 }.Where(limit => limit > 0).Distinct().Select(limit => limit * 1_000);
    }
}
