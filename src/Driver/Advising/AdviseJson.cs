using System.Text.Json;
using Livebed.Driver.Exploring;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Advising;

/// <summary>What `advise --json` prints; docs/your-vm.md explains each field. A field without a value is null, never absent.</summary>
internal static class AdviseJson
{
    public static string Write(AdviseRequest request, IReadOnlyList<TriedSetting> tried, PointOfNoReturn chart) => JsonSerializer.Serialize(
        new
        {
            workload = request.Guest.Title,
            qemuVersion = request.Qemu.Version.ToString(),
            linkBandwidth = request.Qemu.LinkBandwidth,
            linkMargin = request.LinkMargin,
            downtimeLimitMilliseconds = request.Limits.DowntimeMicroseconds / 1e3,
            timeLimitMilliseconds = request.Limits.TimeMicroseconds / 1e3,
            advice = tried[0].IsAdvisable ? AdviceOf(request, tried[0].Setting) : null,
            settings = tried.Select(one => SettingOf(request, one)),
            pointOfNoReturn = new
            {
                bandwidths = chart.Bandwidths,
                rows = chart.Rows.Select(row => new
                {
                    row.Speed,
                    precopyFrom = At(chart, row.Precopy),
                    throttledFrom = At(chart, row.Throttled),
                    postcopyFrom = At(chart, row.Postcopy),
                }),
            },
        },
        ExploreJson.Options) + "\n";

    private static object AdviceOf(AdviseRequest request, AdviceSetting setting) => new
    {
        setting = SettingText.NameWithChannels(setting),
        qmp = PasteableSettings.Qmp(setting),
        virsh = PasteableSettings.Virsh(setting),
        kubeVirt = PasteableSettings.KubeVirt(setting, request.Limits, request.Guest.MemoryBytes),
        livebed = PasteableSettings.Livebed(setting, request.Limits, request.Guest),
    };

    private static object SettingOf(AdviseRequest request, TriedSetting one) => new
    {
        setting = SettingText.Name(one.Setting),
        isAdvisable = one.IsAdvisable,
        why = one.IsAdvisable ? null : SettingText.WhyNot(one, request.Limits),
        starts = one.Forecasts.Count,
        failures = one.Failures,
        downtimeLimitMilliseconds = one.Setting.Parameters.DowntimeLimitMicroseconds / 1e3,
        channels = one.Setting.Channels,
        throttle = one.Setting.Parameters.Throttle,
        postcopyAfterRounds = one.Setting.Parameters.PostcopyAfterRounds,
        timeoutAction = one.Setting.Qemu.TimeoutAction,
        guestLostMilliseconds = one.GuestLost,
        downtimeMilliseconds = one.Downtime,
        totalTimeMilliseconds = one.TotalTime,
        livebed = PasteableSettings.Livebed(one.Setting, request.Limits, request.Guest)[0],
    };

    /// <summary>Null where no step is enough.</summary>
    private static long? At(PointOfNoReturn chart, int step) => step < chart.Bandwidths.Count ? chart.Bandwidths[step] : null;
}
