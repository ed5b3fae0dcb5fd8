using System.Text.Json;
using Livebed.Driver.Advising;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Tests.Docs;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Tests.Advising;

/// <summary>`livebed advise`: what it chooses, what it prints to paste, and refusals.</summary>
public sealed class AdviseCommandTests
{
    /// <summary>A guest that dirties more than one stream carries, and three quarters of what two do.</summary>
    private static readonly string[] _steady =
        ["advise", "--dirty-rate", "880MiB/s", "--memory", "1GiB", "--link", "10Gbit/s", "--downtime", "100ms", "--time", "20s"];

    [Fact]
    public async Task The_cheapest_setting_that_keeps_the_limits_comes_first()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync([.. _steady, "--json"]));
        using var document = JsonDocument.Parse(harness.Out);
        var settings = document.RootElement.GetProperty("settings").EnumerateArray().ToList();
        var advisable = settings.TakeWhile(setting => setting.GetProperty("isAdvisable").GetBoolean()).ToList();
        Assert.Equal(settings.Count(setting => setting.GetProperty("isAdvisable").GetBoolean()), advisable.Count);
        Assert.NotEqual(settings.Count, advisable.Count);
        var lost = advisable.Select(setting => setting.GetProperty("guestLostMilliseconds").GetProperty("median").GetDouble()).ToList();
        Assert.Equal(lost.Select(one => Math.Round(one)).Order(), lost.Select(one => Math.Round(one)));
        Assert.All(advisable, setting =>
        {
            Assert.InRange(setting.GetProperty("downtimeMilliseconds").GetProperty("most").GetDouble(), 0, 100);
            Assert.InRange(setting.GetProperty("totalTimeMilliseconds").GetProperty("most").GetDouble(), 0, 20_000);
        });

        // What carries a guest at a speed carries a slower one too.
        var rows = document.RootElement.GetProperty("pointOfNoReturn").GetProperty("rows").EnumerateArray().ToList();
        var from = rows.Select(row => row.GetProperty("precopyFrom")).Select(
            one => one.ValueKind == JsonValueKind.Null ? long.MaxValue : one.GetInt64()).ToList();
        Assert.Equal(from.Order(), from);
        var documented = Documents.InlineCode("docs/your-vm.md").ToHashSet(StringComparer.Ordinal);
        Assert.Equal([], JsonPaths.Of(document.RootElement).Where(path => !documented.Contains(path)).Distinct());
    }

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public async Task The_report_has_the_advice_a_chart_and_what_to_paste(int columns)
    {
        using var harness = new CommandHarness(isTerminal: true, columns: columns);
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync(_steady));
        foreach (
            var part in new[] { "advice: ", "point of no return", "^ the link", "QMP:", "\"downtime-limit\"", "virsh migrate", "kind: "
                + "MigrationPolicy" })
            Assert.Contains(part, harness.Out, StringComparison.Ordinal);
        var table = harness.Out.Split('\n').TakeWhile(line => !line.StartsWith("QMP:", StringComparison.Ordinal));
        Assert.All(table, line => Assert.InRange(line.TrimEnd().Length, 0, columns));
    }

    [Fact]
    public async Task Limits_that_nothing_keeps_exit_with_3()
    {
        using var harness = new CommandHarness();
        Assert.Equal(
            ExitCodes.NotWithinLimits,
            await harness.RunAsync("advise", "--dirty-rate", "10MiB/s", "--memory", "4GiB", "--link", "1Gbit/s", "--time", "10s"));
        Assert.Contains("advice: none of the settings keeps the limits", harness.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("QMP:", harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_pasted_is_what_was_tried()
    {
        var qemu = new QemuSettings { LinkBandwidth = 1_250_000_000 };
        var parameters = new MigrationParameters
        {
            MaxBandwidth = 0,
            DowntimeLimitMicroseconds = 298_000,
            PostcopyAfterRounds = 2,
            Channels = 4,
        };
        var setting = new AdviceSetting(parameters, qemu, Channels: 4);
        Assert.Equal(
            [
                """{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"multifd","state":true},"""
                    + """{"capability":"postcopy-ram","state":true}]}}""",
                """{"execute":"migrate-set-parameters","arguments":{"max-bandwidth":1250000000,"downtime-limit":298,"""
                    + "\"multifd-channels\":4}}",
                """# when dirty-sync-count of query-migrate is 3: {"execute":"migrate-start-postcopy"}""",
            ],
            PasteableSettings.Qmp(setting));
        Assert.Equal(
            [
                "virsh migrate --live --p2p --parallel --parallel-connections 4 --postcopy DOMAIN qemu+ssh://DESTINATION/system",
                "virsh migrate-setmaxdowntime DOMAIN 298    # while it runs",
                "virsh migrate-postcopy DOMAIN    # when domjobinfo says Iteration: 3",
            ],
            PasteableSettings.Virsh(setting));
        Assert.Contains("  allowPostCopy: true", PasteableSettings.KubeVirt(setting, new AdviceLimits(300_000, 120_000_000), 4L << 30));
        Assert.Contains(
            "  completionTimeoutPerGiB: 30", PasteableSettings.KubeVirt(setting, new AdviceLimits(300_000, 120_000_000), 4L << 30));
    }

    [Fact]
    public async Task What_it_prints_for_migrate_runs_with_what_it_has_chosen()
    {
        var campaigns = new List<Campaign>();
        using var harness = new CommandHarness(new FakeRunner((campaign, _, _, _) =>
        {
            campaigns.Add(campaign);
            return Task.FromResult(new RunOutcome { Counts = new() { Accesses = 10, ChecksEvaluated = 1 } });
        }));
        await harness.RunAsync(
            "advise", "sqlite", "--speed", "0.1", "--zero-share", "0", "--link", "100Mbit/s", "--downtime", "300ms", "--time",
            "60s", "--json");
        using var document = JsonDocument.Parse(harness.Out);
        var (advice, chosen) = (document.RootElement.GetProperty("advice"), document.RootElement.GetProperty("settings")[0]);
        var line = advice.GetProperty("livebed").EnumerateArray().Single().GetString()!;
        await harness.RunAsync(line[line.IndexOf("migrate ", StringComparison.Ordinal)..].Split(' '));
        var set = campaigns[^1].Migrations;
        Assert.Equal((12_500_000, 0.1), (set.LinkBandwidth, campaigns[^1].Vms[0].Guest.Speed));
        Assert.Equal(chosen.GetProperty("downtimeLimitMilliseconds").GetDouble(), set.DowntimeLimit.TotalMilliseconds);
        Assert.Equal(chosen.GetProperty("channels").GetInt32(), set.MultifdChannels);
        Assert.Equal(chosen.GetProperty("postcopyAfterRounds").GetInt32(), set.PostcopyAfterRounds);
        Assert.Equal(chosen.GetProperty("throttle").GetString(), KebabCase.Of(set.Throttle));
        Assert.Equal(chosen.GetProperty("timeoutAction").GetString(), KebabCase.Of(set.TimeoutAction));
    }

    /// <summary>At a tenth of its speed xz dirties three quarters of this link. With 74 ms it converges from 113 MB/s on, which TCP over
    /// Ethernet of 1 Gbit/s has not much more of, and does not end where it has less.</summary>
    [Fact]
    public async Task A_setting_that_only_just_converges_is_not_advised()
    {
        string[] words = ["advise", "xz", "--speed", "0.1", "--zero-share", "0", "--link", "1Gbit/s", "--json"];
        Assert.Equal(("pre-copy, 74ms", null), await FirstAndWhyNotAsync("pre-copy, 74ms", [.. words, "--link-margin", "0"]));
        Assert.Equal(("pre-copy, 148ms", "no margin"), await FirstAndWhyNotAsync("pre-copy, 74ms", words));

        static async Task<(string First, string? WhyNot)> FirstAndWhyNotAsync(string name, string[] words)
        {
            using var harness = new CommandHarness();
            Assert.Equal(ExitCodes.Valid, await harness.RunAsync(words));
            using var document = JsonDocument.Parse(harness.Out);
            var settings = document.RootElement.GetProperty("settings").EnumerateArray().ToList();
            return (settings[0].GetProperty("setting").GetString()!,
                settings.First(one => one.GetProperty("setting").GetString() == name).GetProperty("why").GetString());
        }
    }

    [Theory]
    [InlineData("advise: nothing says how fast the link is; allowed: with --link, as in --link 10Gbit/s", "redis")]
    [InlineData("advise: there is no workload; allowed: --workload FILE, or --dirty-rate with --memory", "--link", "10Gbit/s")]
    [InlineData("--time 0: '0' has no unit, and virsh means s in --timeout, ms in migrate-setmaxdowntime; allowed: 1ms to 168h, as in 30s, "
        + "500ms or 200us; or for each GiB of memory, as in 150s/GiB", "redis", "--link", "1Gbit/s", "--time", "0")]
    [InlineData("--link 10G: '10G' is a power of 1024 to libvirt and of 1000 to KubeVirt; allowed: 1KiB/s to 1024GiB/s, as in 1GiB/s or "
        + "10Gbit/s", "redis", "--link", "10G")]
    public async Task Bad_input_is_one_line_and_exit_64(string expected, params string[] options)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(["advise", .. options]));
        Assert.Equal(expected + "\n", harness.Error);
        Assert.Equal("", harness.Out);
    }
}
