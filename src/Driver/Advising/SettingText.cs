using System.Globalization;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Advising;

/// <summary>A setting, and why it is not advised, in words.</summary>
internal static class SettingText
{
    /// <summary>With its channels.</summary>
    public static string NameWithChannels(AdviceSetting setting) => setting.Channels == 1
        ? Name(setting)
        : string.Create(CultureInfo.InvariantCulture, $"{Name(setting)}, {setting.Channels} channels");

    public static string Name(AdviceSetting setting)
    {
        var (parameters, qemu) = (setting.Parameters, setting.Qemu);
        var how = parameters switch
        {
            { PostcopyAfterRounds: > 0 and var rounds } => string.Create(CultureInfo.InvariantCulture, $"post-copy after {rounds}"),
            { Throttle: ThrottleKind.AutoConverge } => "auto-converge",
            { Throttle: ThrottleKind.DirtyLimit } => $"dirty-limit {Figures.Bytes(parameters.VcpuDirtyLimit)}/s",
            _ when qemu.TimeoutAction == ForecastTimeoutAction.Suspend => "suspend on time-out",
            _ when qemu.TimeoutAction == ForecastTimeoutAction.Postcopy => "post-copy on time-out",
            _ => "pre-copy",
        };
        return $"{how}, {Figures.Microseconds(parameters.DowntimeLimitMicroseconds)}";
    }

    /// <summary>What the first start that does not keep the limits says, or that they are not kept with less of the link.</summary>
    public static string WhyNot(TriedSetting tried, AdviceLimits limits)
    {
        if (tried.LacksMargin) return "no margin";
        var failed = tried.Forecasts.First(forecast => !limits.IsMetBy(forecast));
        if (!failed.SwitchesOver) return failed.Verdict == ForecastVerdict.Diverging ? "diverges" : "too slow";
        return failed.DowntimeMilliseconds * 1e3 > limits.DowntimeMicroseconds ? "stops too long" : "too slow";
    }
}
