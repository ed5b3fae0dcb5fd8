using System.Globalization;
using System.Text.Json;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Exploring;
using Livebed.Driver.Predicting;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Advising;

/// <summary>A setting as QMP, virsh, KubeVirt and Livebed's own migration take it. What one of them cannot set stands there as a
/// comment.</summary>
internal static class PasteableSettings
{
    /// <summary>Most microseconds that an option of migrate may have.</summary>
    private const long MigrateTimeMax = 3_600_000_000;

    private static readonly JsonSerializerOptions _compact = new(ExploreJson.Options) { WriteIndented = false };

    /// <summary>Commands for the source's monitor; the destination needs the same capabilities, and channels.</summary>
    public static IReadOnlyList<string> Qmp(AdviceSetting setting)
    {
        var parameters = setting.Parameters;
        var capabilities = new List<string>();
        if (setting.Channels > 1) capabilities.Add("multifd");
        if (parameters.Throttle == ThrottleKind.AutoConverge) capabilities.Add("auto-converge");
        if (parameters.Throttle == ThrottleKind.DirtyLimit) capabilities.Add("dirty-limit");
        if (IsPostcopy(setting)) capabilities.Add("postcopy-ram");
        var values = new Dictionary<string, long>
        {
            ["max-bandwidth"] = parameters.MaxBandwidth == 0 ? setting.Qemu.LinkBandwidth : parameters.MaxBandwidth,
            ["downtime-limit"] = parameters.DowntimeLimitMicroseconds / 1_000,
        };
        if (setting.Channels > 1) values["multifd-channels"] = setting.Channels;
        if (parameters.Throttle == ThrottleKind.DirtyLimit) values["vcpu-dirty-limit"] = parameters.VcpuDirtyLimit >> 20;
        List<string> lines = [];
        if (capabilities.Count > 0)
            lines.Add(JsonSerializer.Serialize(
                new
                {
                    execute = "migrate-set-capabilities",
                    arguments = new { capabilities = capabilities.Select(capability => new { capability, state = true }) },
                }, _compact));
        lines.Add(JsonSerializer.Serialize(new { execute = "migrate-set-parameters", arguments = values }, _compact));
        if (parameters.PostcopyAfterRounds > 0)
            lines.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"# when dirty-sync-count of query-migrate is {parameters.PostcopyAfterRounds + 1}: "
                    + $"{{\"execute\":\"migrate-start-postcopy\"}}"));
        if (TimeoutSeconds(setting) is { } seconds)
            lines.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"# after {seconds} s: {{\"execute\":\"{(IsPostcopy(setting) ? "migrate-start-postcopy" : "stop")}\"}}"));
        return lines;
    }

    public static IReadOnlyList<string> Virsh(AdviceSetting setting)
    {
        var parameters = setting.Parameters;
        var words = new List<string> { "virsh migrate --live --p2p" };
        if (setting.Channels > 1)
            words.Add(string.Create(CultureInfo.InvariantCulture, $"--parallel --parallel-connections {setting.Channels}"));
        if (parameters.Throttle == ThrottleKind.AutoConverge) words.Add("--auto-converge");
        if (IsPostcopy(setting)) words.Add("--postcopy");
        if (parameters.PostcopyAfterRounds == 1) words.Add("--postcopy-after-precopy");
        if (TimeoutSeconds(setting) is { } seconds)
            words.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"--timeout {seconds} --timeout-{(IsPostcopy(setting) ? "postcopy" : "suspend")}"));
        if (parameters.MaxBandwidth > 0)
            words.Add(string.Create(CultureInfo.InvariantCulture, $"--bandwidth {Math.Max(1, parameters.MaxBandwidth >> 20)}"));
        List<string> lines =
        [
            $"{string.Join(' ', words)} DOMAIN qemu+ssh://DESTINATION/system",
            string.Create(
                CultureInfo.InvariantCulture,
                $"virsh migrate-setmaxdowntime DOMAIN {parameters.DowntimeLimitMicroseconds / 1_000}    # while it runs"),
        ];
        if (parameters.PostcopyAfterRounds > 1)
            lines.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"virsh migrate-postcopy DOMAIN    # when domjobinfo says Iteration: {parameters.PostcopyAfterRounds + 1}"));
        if (parameters.Throttle == ThrottleKind.DirtyLimit) lines.Add("# dirty-limit has no flag: set it by QMP");
        return lines;
    }

    /// <summary>A MigrationPolicy.</summary>
    /// <param name="setting">the one that is advised</param>
    /// <param name="limits">that it keeps</param>
    /// <param name="memoryBytes">of the guest</param>
    public static IReadOnlyList<string> KubeVirt(AdviceSetting setting, AdviceLimits limits, double memoryBytes)
    {
        var parameters = setting.Parameters;
        var perGib = Math.Max(1, (long)Math.Ceiling(limits.TimeMicroseconds / 1e6 / Math.Max(1, memoryBytes / (1L << 30))));
        List<string> lines =
        [
            "apiVersion: migrations.kubevirt.io/v1alpha1",
            "kind: MigrationPolicy",
            "metadata:",
            "  name: advised",
            "spec:",
            $"  allowAutoConverge: {Flag(parameters.Throttle == ThrottleKind.AutoConverge)}",
            $"  allowPostCopy: {Flag(IsPostcopy(setting))}",
            $"  allowWorkloadDisruption: {Flag(setting.Qemu.TimeoutAction != ForecastTimeoutAction.Cancel)}",
            string.Create(CultureInfo.InvariantCulture, $"  completionTimeoutPerGiB: {perGib}"),
            string.Create(
                CultureInfo.InvariantCulture, $"  bandwidthPerMigration: \"{parameters.MaxBandwidth}\"    # bytes a second; 0 is no cap"),
            string.Create(
                CultureInfo.InvariantCulture, $"# no setting: a downtime limit of {parameters.DowntimeLimitMicroseconds / 1_000} ms"),
        ];
        if (setting.Channels > 1)
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"# no setting: {setting.Channels} channels of multifd"));
        if (parameters.Throttle == ThrottleKind.DirtyLimit) lines.Add("# no setting: dirty-limit");
        if (IsPostcopy(setting)) lines.Add("# it goes over to post-copy at the completion time-out, not before");
        return lines;
    }

    /// <summary>The command that runs the setting on Livebed's own migration, in the recording's time and over a link of that speed, and
    /// says by its exit status whether the limits are kept.</summary>
    /// <param name="setting">the one that is advised</param>
    /// <param name="limits">that it keeps</param>
    /// <param name="guest">whose it is; a rate has no recording to replay</param>
    public static IReadOnlyList<string> Livebed(AdviceSetting setting, AdviceLimits limits, GuestRequest guest)
    {
        if (guest.Timeline is not { } timeline) return ["# migrate replays recordings, and this guest writes at a constant rate"];
        var parameters = setting.Parameters;
        var (rate, time) = (ValueKinds.ByteRate(0, long.MaxValue), ValueKinds.Duration(TimeSpan.Zero, TimeSpan.MaxValue));
        List<string> words =
        [
            "migrate", "--workload", guest.Name, "--bandwidth", rate.Format(setting.Qemu.LinkBandwidth),
            "--strategy", StrategyOf(parameters), "--speed", guest.Settings.Speed.ToString(CultureInfo.InvariantCulture),
            "--downtime", Time(parameters.DowntimeLimitMicroseconds),
            "--channels", setting.Channels.ToString(CultureInfo.InvariantCulture),
            "--time-limit", Time(Math.Min(parameters.TimeLimitMicroseconds, MigrateTimeMax)),
        ];
        if (parameters.MaxBandwidth > 0) words.AddRange(["--max-bandwidth", rate.Format(parameters.MaxBandwidth)]);
        if (parameters.Throttle == ThrottleKind.DirtyLimit) words.AddRange(["--vcpu-dirty-limit", rate.Format(parameters.VcpuDirtyLimit)]);
        if (parameters.PostcopyAfterRounds > 0)
            words.AddRange(["--postcopy-after", parameters.PostcopyAfterRounds.ToString(CultureInfo.InvariantCulture)]);
        if (setting.Qemu.TimeoutAction != ForecastTimeoutAction.Cancel)
            words.AddRange(["--timeout-action", KebabCase.Of(setting.Qemu.TimeoutAction)]);
        words.AddRange(
        [
            "--goal-downtime", Time(Math.Min(limits.DowntimeMicroseconds, MigrateTimeMax)),
            "--goal-time", Time(Math.Min(limits.TimeMicroseconds, MigrateTimeMax)),
        ]);
        List<string> lines = [$"{CommandText.Livebed} {CommandText.Words(words)}"];
        if (guest.IsZeroFromTrace || guest.Settings.ZeroShare > 0) lines.Add("# there no page is zero: compare with --zero-share 0");
        if (guest.Settings.MemoryPages != timeline.Pages || guest.Settings.Vcpus > 1)
            lines.Add("# there the guest has one vCPU, and the memory that the recording writes to");
        return lines;

        string Time(long microseconds) => time.Format(TimeSpan.FromMicroseconds(microseconds));
    }

    private static string StrategyOf(MigrationParameters parameters) => parameters switch
    {
        { PostcopyAfterRounds: > 0 } => "post-copy",
        { Throttle: ThrottleKind.AutoConverge } => "auto-converge",
        { Throttle: ThrottleKind.DirtyLimit } => "dirty-limit",
        _ => "plain",
    };

    private static bool IsPostcopy(AdviceSetting setting) =>
        setting.Parameters.PostcopyAfterRounds > 0 || setting.Qemu.TimeoutAction == ForecastTimeoutAction.Postcopy;

    private static long? TimeoutSeconds(AdviceSetting setting) => setting.Qemu.TimeoutAction == ForecastTimeoutAction.Cancel
        ? null
        : Math.Max(1, setting.Parameters.TimeLimitMicroseconds / 1_000_000);

    private static string Flag(bool isOn) => isOn ? "true" : "false";
}
