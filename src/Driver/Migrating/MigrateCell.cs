using System.Globalization;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Campaigns;
using Livebed.Driver.CommandLine;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Migrating;

/// <summary>
/// One cell of the table: one of two shipped campaigns with a few of its keys set, so that a cell is a run like any other and `livebed run`
/// repeats it.
/// </summary>
/// <param name="Campaign">its file</param>
/// <param name="Workload">name of what is replayed, or the share of the bandwidth that is dirtied</param>
/// <param name="Bandwidth">bytes a second</param>
/// <param name="Strategy">what is done about a guest that writes faster</param>
/// <param name="DirtyShare">dirty rate as a share of the bandwidth; null for a recording</param>
/// <param name="Settings">keys and values</param>
internal sealed record MigrateCell(
    string Campaign, string Workload, long Bandwidth, MigrationStrategy Strategy, double? DirtyShare,
    IReadOnlyList<(string Key, string Value)> Settings)
{
    private const string Recording = "convergence";
    private const string Steady = "steady-rate";

    /// <summary>A vCPU under the dirty limit dirties this part of what the link carries.</summary>
    private const int DirtyLimitPart = 4;

    /// <summary>Bytes of a page of the steady campaign, and of its header on the wire.</summary>
    private const int SteadyPageBytes = 4096;

    /// <summary>As a value of a key.</summary>
    public string LinkRate => Rate(Bandwidth);

    public static MigrateCell Replay(
        string workload, string trace, long bandwidth, MigrationStrategy strategy, MigrateSettings? settings = null) => new(
        Recording, workload, bandwidth, strategy, null,
        Merged(
            [("vms.0.name", workload), ("vms.0.guest.trace", trace), .. Link(bandwidth), .. StrategySettings(strategy, bandwidth)],
            settings?.Keys ?? []));

    public static MigrateCell AtRate(double share, long bandwidth)
    {
        // Bytes as they cost on the wire.
        var pages = share * bandwidth / Kvm.Prediction.WireFormat.PageBytes(SteadyPageBytes);
        var rate = ((int)Math.Round(pages)).ToString(CultureInfo.InvariantCulture);
        return new(
            Steady, string.Create(CultureInfo.InvariantCulture, $"steady {share:0.###}"), bandwidth, MigrationStrategy.Plain, share,
            [("vms.0.guest.rate", rate), .. Link(bandwidth)]);
    }

    /// <summary>The words of the command that runs this cell alone.</summary>
    public IReadOnlyList<string> Words(long seed) =>
        ["run", Campaign, .. Settings.SelectMany(setting => new[] { "--set", $"{setting.Key}={setting.Value}" }), "--seed",
            seed.ToString(CultureInfo.InvariantCulture)];

    /// <summary>Read and checked like any campaign.</summary>
    public Campaign Read(CommandEnvironment environment, long seed)
    {
        var overrides = Settings.Select(setting => Override.Parse($"{setting.Key}={setting.Value}")).ToList();
        var campaign = new CampaignReader(environment.Folders, environment.Traces).Read(Campaign, overrides);
        campaign.Seed = seed;
        var bandwidth = ValueKinds.ByteRate(0, long.MaxValue).Format(Bandwidth).Replace("/s", "", StringComparison.Ordinal);
        campaign.Name = $"{Workload}-{bandwidth}-{KebabCase.Of(Strategy)}".Replace(' ', '-');
        return campaign;
    }

    /// <summary>Each key once: what is set replaces what follows from link and strategy.</summary>
    private static List<(string Key, string Value)> Merged(
        IReadOnlyList<(string Key, string Value)> usual, IReadOnlyList<(string Key, string Value)> set) =>
        [.. usual.Where(one => set.All(other => other.Key != one.Key)), .. set];

    private static IEnumerable<(string, string)> Link(long bandwidth) =>
        [("migrations.maxBandwidth", Rate(bandwidth)), ("migrations.linkBandwidth", Rate(bandwidth))];

    private static IEnumerable<(string, string)> StrategySettings(MigrationStrategy strategy, long bandwidth) => strategy switch
    {
        MigrationStrategy.AutoConverge => [("migrations.throttle", "auto-converge")],
        MigrationStrategy.DirtyLimit =>
            [("migrations.throttle", "dirty-limit"), ("migrations.vcpuDirtyLimit", Rate(Math.Max(1 << 10, bandwidth / DirtyLimitPart)))],
        MigrationStrategy.PostCopy => [("migrations.postcopyAfterRounds", "1")],
        _ => [],
    };

    private static string Rate(long bandwidth) => ValueKinds.ByteRate(0, long.MaxValue).Format(bandwidth);
}
