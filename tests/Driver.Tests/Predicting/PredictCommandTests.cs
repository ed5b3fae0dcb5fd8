using System.Text.Json;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Predicting;
using Livebed.Driver.Results;
using Livebed.Driver.Tests.Docs;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Tests.Predicting;

/// <summary>`livebed predict`: verdict and exit status, tables, JSON and refusals.</summary>
public sealed class PredictCommandTests
{
    // The link alone: a switchover of our sender takes longer than this limit.
    private static readonly string[] _diverging = ["predict", "--workload", "xz", "--bandwidth", "300MiB/s", "--downtime", "10ms",
        "--time-limit", "10s", "--sender-costs", "none"];

    [Theory]
    [InlineData("redis", 52_148)]
    [InlineData("sqlite", 32_997)]
    [InlineData("xz", 26_028)]
    public async Task Each_recorded_workload_is_forecast_by_path_and_by_name(string name, int pages)
    {
        using var harness = new CommandHarness();
        Assert.Equal(
            ExitCodes.Valid,
            await harness.RunAsync(
                "predict", "--workload", $"campaigns/workloads/{name}.dirty.gz", "--bandwidth", "1GiB/s", "--downtime", "300ms", "--json"));
        using var byPath = JsonDocument.Parse(harness.Out);
        var forecast = byPath.RootElement.GetProperty("forecast");
        Assert.Equal("converges", byPath.RootElement.GetProperty("verdict").GetString());
        Assert.Equal(pages, forecast.GetProperty("rounds")[0].GetProperty("pages").GetInt64());
        Assert.Equal(pages * 4104L, forecast.GetProperty("rounds")[0].GetProperty("transferred").GetInt64());
        Assert.InRange(forecast.GetProperty("downtime").GetDouble(), 0, 300);
        Assert.Equal(JsonValueKind.Null, forecast.GetProperty("postcopy").ValueKind);

        using var again = new CommandHarness();
        await again.RunAsync("predict", "--workload", name, "--json");
        Assert.Equal(harness.Out, again.Out);
        Assert.Empty(Directory.GetFileSystemEntries(again.Folder.FullPath));
    }

    [Fact]
    public void Forecasts_that_are_too_much_work_are_refused_and_not_begun_for_ever()
    {
        using var environment = CommandEnvironment.OfProcess(_ => new FakeRunner(new RunOutcome()));
        var options = new PredictOptions();
        var request = options.Read(options.Command.Parse(["--workload", "redis"]), environment.Folders);
        request = request with { Settings = request.Settings with { Budget = new ForecastBudget(limit: 1_000_000) } };
        var refusal = Assert.Throws<UsageException>(() => new PredictCommand(environment).Run(request)).Message;
        Assert.StartsWith(
            "--workload redis: its forecasts would go through more than 1000000 page writes; allowed: ", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_diverges_exits_with_3_and_says_since_when_and_what_would_help()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.NotWithinLimits, await harness.RunAsync(_diverging));
        string[] parts = [
            "verdict: diverging", "from round 1 on rounds gain nothing: never less than ", "would complete with a downtime limit of ",
            "would complete with a bandwidth of ",
        ];
        Assert.All(parts, part => Assert.Contains(part, harness.Out, StringComparison.Ordinal));
        var strategies = harness.Out.Split('\n').SkipWhile(line => !line.Contains("strategy", StringComparison.Ordinal)).ToList();
        Assert.Contains(strategies, line => line.StartsWith(" dirty-limit    converges", StringComparison.Ordinal));
        Assert.Contains(strategies, line => line.StartsWith(" post-copy      postcopy", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("postcopy", "--postcopy")]
    [InlineData("postcopy", "--postcopy", "--postcopy-after", "3")]
    [InlineData("converges", "--throttle", "dirty-limit")]
    [InlineData("converges", "--bandwidth", "2GiB/s")]
    [InlineData("converges", "--downtime", "500ms")]
    public async Task What_helps_helps(string verdict, params string[] options)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync(["predict", .. Unless(_diverging[1..], options), .. options, "--json"]));
        using var document = JsonDocument.Parse(harness.Out);
        Assert.Equal(verdict, document.RootElement.GetProperty("verdict").GetString());
    }

    [Fact]
    public async Task A_constant_rate_above_the_bandwidth_diverges_and_half_of_it_converges()
    {
        using var harness = new CommandHarness();
        Assert.Equal(
            ExitCodes.NotWithinLimits,
            await harness.RunAsync("predict", "--dirty-rate", "1126MiB/s", "--memory", "1GiB", "--clear", "plain"));
        Assert.Contains("1.10 of the bandwidth: diverging", harness.Out, StringComparison.Ordinal);
        Assert.Equal(
            ExitCodes.Valid, await harness.RunAsync("predict", "--dirty-rate", "512MiB/s", "--memory", "4GiB", "--clear", "plain"));
        Assert.Contains("4 rounds, 7.8s, downtime 252ms", harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_recording_is_forecast_from_other_starts_too_and_a_constant_rate_is_alike_everywhere()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync("predict", "--workload", "redis", "--bandwidth", "100MiB/s", "--sender-costs", "none", "--json");
        using var recording = JsonDocument.Parse(harness.Out);
        var starts = recording.RootElement.GetProperty("starts");
        var rounds = starts.GetProperty("rounds");
        Assert.Equal((24, 24), (starts.GetProperty("count").GetInt32(), starts.GetProperty("converges").GetInt32()));
        Assert.InRange(
            recording.RootElement.GetProperty("forecast").GetProperty("rounds").GetArrayLength(), rounds.GetProperty("least").GetDouble(),
            rounds.GetProperty("most").GetDouble());
        Assert.True(rounds.GetProperty("least").GetDouble() < rounds.GetProperty("most").GetDouble());

        using var rate = new CommandHarness();
        await rate.RunAsync("predict", "--dirty-rate", "1MiB/s", "--memory", "64MiB", "--json");
        using var steady = JsonDocument.Parse(rate.Out);
        Assert.Equal(JsonValueKind.Null, steady.RootElement.GetProperty("starts").ValueKind);
    }

    [Theory]
    [InlineData]
    [InlineData("--as", "qemu")]
    public async Task The_cost_of_a_switchover_counts_against_the_downtime_limit(params string[] options)
    {
        using var harness = new CommandHarness();
        string[] words = ["predict", "--dirty-rate", "10MiB/s", "--memory", "64MiB", "--bandwidth", "1GiB/s"];
        Assert.Equal(
            ExitCodes.NotWithinLimits, await harness.RunAsync([.. words, "--switchover-cost", "700ms", "--downtime", "300ms", .. options]));
        Assert.Contains("verdict: over-limit", harness.Out, StringComparison.Ordinal);
        Assert.Matches("the guest stands still for 70[0-9]ms, longer than 300ms: 700ms for the switchover itself, ", harness.Out);
    }

    /// <summary>The start of the recording says little: with QEMU's loop the range over starts decides, and comes first.</summary>
    [Fact]
    public async Task As_qemu_the_range_over_starts_comes_first_and_decides()
    {
        using var harness = new CommandHarness();
        string[] words = ["predict", "sqlite", "--as", "qemu", "--link", "1Gbit/s", "--downtime", "300ms", "--time-limit", "16s/GiB"];
        Assert.Equal(ExitCodes.NotWithinLimits, await harness.RunAsync(words));
        var lines = harness.Out.Split('\n').ToList();
        var range = lines.FindIndex(line => line.StartsWith("from 24 starts all over the recording: ", StringComparison.Ordinal));
        var one = lines.IndexOf("begun with the recording:");
        Assert.InRange(range, 0, one);
        Assert.Contains(
            lines[range..one], line => line.Contains("nine of ten starts complete from a bandwidth of ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("no cap, link 119MiB/s", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("time limit 2s", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("a forced stop: ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public async Task The_report_fits_the_terminal(int columns)
    {
        using var harness = new CommandHarness(isTerminal: true, columns: columns);
        await harness.RunAsync([.. _diverging, "--throttle", "auto-converge"]);
        Assert.All(harness.Out.Split('\n'), line => Assert.InRange(line.TrimEnd().Length, 0, columns));
        Assert.Matches(" [2-9]0 % ", harness.Out);
    }

    [Theory]
    [InlineData("predict: there is no workload; allowed: --workload FILE, or --dirty-rate with --memory")]
    [InlineData("--workload nowhere: there is no such file; allowed: a recorded trace (campaigns/workloads/README.md)",
        "--workload", "nowhere")]
    [InlineData("--bandwidth 1GiB: '1GiB' is not a rate; allowed: 1KiB/s to 1024GiB/s, as in 1GiB/s or 10Gbit/s",
        "--workload", "xz", "--bandwidth", "1GiB")]
    [InlineData("--bandwidth 0B/s: 0B/s is out of range; allowed: 1KiB/s to 1024GiB/s, as in 1GiB/s or 10Gbit/s",
        "--workload", "xz", "--bandwidth", "0B/s")]
    [InlineData("--bandwidth 0: is no cap, and nothing else says how fast the link is; allowed: with --as qemu and --link",
        "--workload", "xz", "--bandwidth", "0")]
    [InlineData("--bandwidth 0: is no cap, and nothing says how fast the link is; allowed: with --link, as in --link 10Gbit/s",
        "xz", "--as", "qemu", "--bandwidth", "0")]
    [InlineData("--bandwidth 64M: '64M' is a power of 1024 to libvirt and of 1000 to KubeVirt; allowed: 1KiB/s to 1024GiB/s, "
        + "as in 1GiB/s or 10Gbit/s", "xz", "--bandwidth", "64M")]
    [InlineData("--link 10Gbit/s: means nothing here; allowed: with --as qemu", "xz", "--link", "10Gbit/s")]
    [InlineData("--avail-switchover-bandwidth 1GiB/s: means nothing here; allowed: with --qemu-version 8.2 or later",
        "xz", "--as", "qemu", "--qemu-version", "8.1", "--avail-switchover-bandwidth", "1GiB/s")]
    [InlineData("--throttle dirty-limit: QEMU 7.2 has no such capability; allowed: --qemu-version 8.1 or later",
        "xz", "--as", "qemu", "--qemu-version", "7.2.22", "--throttle", "dirty-limit")]
    [InlineData("--qemu-version 6.0: 6.0 is out of range; allowed: 7.2 or later, as in 8.2",
        "xz", "--as", "qemu", "--qemu-version", "6.0")]
    [InlineData("--workload redis: means nothing here; allowed: without xz, which is a trace too", "xz", "--workload", "redis")]
    [InlineData("--time-limit 150: '150' has no unit, and virsh means s in --timeout, ms in migrate-setmaxdowntime; allowed: 1ms to 168h, "
        + "as in 30s, 500ms or 200us; 0 is no limit; or for each GiB of memory, as in 150s/GiB", "xz", "--time-limit", "150")]
    [InlineData("predict nowhere: there is no such file; allowed: a recorded trace (campaigns/workloads/README.md)", "nowhere")]
    [InlineData("--downtime -1ms: -1ms is out of range; allowed: 0us to 1h, as in 30s, 500ms or 200us",
        "--workload", "xz", "--downtime=-1ms")]
    [InlineData("--throttle hard: 'hard' is unknown; allowed: none, auto-converge, dirty-limit", "--workload", "xz", "--throttle", "hard")]
    [InlineData("--vcpu-dirty-limit 2MiB/s: means nothing here; allowed: with --throttle dirty-limit",
        "--workload", "xz", "--vcpu-dirty-limit", "2MiB/s")]
    [InlineData("--postcopy-after 2: means nothing here; allowed: with --postcopy", "--workload", "xz", "--postcopy-after", "2")]
    [InlineData("--working-set 1MiB: means nothing here; allowed: with --dirty-rate", "--workload", "xz", "--working-set", "1MiB")]
    [InlineData("--memory 1MiB: is less than the workload writes to; allowed: whole pages, 104112KiB to 1024GiB",
        "--workload", "xz", "--memory", "1MiB")]
    [InlineData("--page-size 5000B: is not a power of two; allowed: 512B to 1GiB, as in 4KiB", "--workload", "xz", "--page-size", "5000B")]
    [InlineData("--dirty-rate 1MiB/s: a rate has no memory of its own; allowed: with --memory SIZE", "--dirty-rate", "1MiB/s")]
    [InlineData("--dirty-rate 1MiB/s: the workload is given twice; allowed: --workload or --dirty-rate",
        "--workload", "xz", "--dirty-rate", "1MiB/s")]
    public async Task Bad_input_is_one_line_and_exit_64(string expected, params string[] options)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(["predict", .. options]));
        Assert.Equal(expected + "\n", harness.Error);
        Assert.Equal("", harness.Out);
    }

    [Theory]
    [InlineData("'fast' has no time", "fast")]
    [InlineData("'disk' is no part", "disk=1ms")]
    [InlineData("'1' is not a duration", "page=1")]
    [InlineData("2m is out of range", "setup=2m")]
    public async Task Sender_costs_that_are_none_are_one_line(string problem, string costs)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("predict", "xz", "--sender-costs", costs));
        Assert.Equal($"--sender-costs {costs}: {problem}; allowed: {SenderCostOption.Allowed}\n", harness.Error);
        Assert.Equal(
            ExitCodes.Usage,
            await harness.RunAsync("predict", "xz", "--as", "qemu", "--link", "1Gbit/s", "--sender-costs", "none"));
        Assert.EndsWith("--sender-costs none: means nothing here; allowed: with --as livebed\n", harness.Error, StringComparison.Ordinal);
    }

    /// <summary>A page costs time only where that is more than the link takes for it, on 1 Gbit/s 33 us.</summary>
    [Fact]
    public async Task A_recording_is_forecast_with_what_the_sender_costs_unless_it_is_said_otherwise()
    {
        var measured = await ForecastAsync();
        var none = await ForecastAsync("--sender-costs", "none");
        var some = await ForecastAsync("--sender-costs", "none", "--switchover-cost", "7ms");
        Assert.Equal(0, none.Costs.GetProperty("setupMilliseconds").GetDouble());
        Assert.Equal(SenderCosts.Measured.FirstPageMicroseconds, measured.Costs.GetProperty("firstPageMicroseconds").GetDouble());
        Assert.InRange(measured.Total - none.Total, 5, 0.2 * none.Total);
        var slow = await ForecastAsync("--sender-costs", "first-page=55us");
        Assert.True(slow.Total > none.Total * 1.2, $"{slow.Total} {none.Total}");
        Assert.Equal(7, some.Downtime - none.Downtime, 0.001);
        var rate = await ForecastAsync("--dirty-rate", "1MiB/s", "--memory", "64MiB");
        Assert.Equal(0, rate.Costs.GetProperty("pageMicroseconds").GetDouble());

        static async Task<(double Total, double Downtime, JsonElement Costs)> ForecastAsync(params string[] options)
        {
            using var harness = new CommandHarness();
            string[] workload = options.Contains("--dirty-rate") ? [] : ["xz"];
            await harness.RunAsync(["predict", .. workload, "--bandwidth", "1Gbit/s", "--json", .. options]);
            using var json = JsonDocument.Parse(harness.Out);
            var (root, forecast) = (json.RootElement, json.RootElement.GetProperty("forecast"));
            return (
                forecast.GetProperty("total-time").GetDouble(), forecast.GetProperty("downtime").GetDouble(),
                root.GetProperty("parameters").GetProperty("senderCosts").Clone());
        }
    }

    [Fact]
    public async Task A_damaged_trace_is_one_line()
    {
        using var harness = new CommandHarness();
        var whole = await File.ReadAllBytesAsync(Path.Combine(Repository.Root, "campaigns", "workloads", "xz.dirty.gz"));
        await File.WriteAllBytesAsync(harness.Folder.PathOf("cut.gz"), whole[..(whole.Length / 2)]);
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("predict", "--workload", "cut.gz"));
        Assert.StartsWith("--workload cut.gz: ", harness.Error, StringComparison.Ordinal);
        Assert.Equal(harness.Error.Length - 1, harness.Error.IndexOf('\n', StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--workload", "redis", "--postcopy", "--downtime", "1ms", "--bandwidth", "100MiB/s", "--time-limit", "5s")]
    [InlineData("--dirty-rate", "1MiB/s", "--memory", "64MiB")]
    [InlineData("--dirty-rate", "8MiB/s", "--memory", "64MiB", "--as", "qemu", "--parallel", "3", "--no-progress", "1s")]
    public async Task Every_field_of_the_json_is_documented(params string[] options)
    {
        var documented = Documents.InlineCode("docs/migration.md").ToHashSet(StringComparer.Ordinal);
        using var harness = new CommandHarness();
        await harness.RunAsync(["predict", .. options, "--json"]);
        using var document = JsonDocument.Parse(harness.Out);
        // A phase that there is not has no fields.
        Assert.Equal(
            [], JsonPaths.Of(document.RootElement).Where(path => path != "forecast.postcopy" && !documented.Contains(path)).Distinct());
    }

    /// <summary>The options without those that are given otherwise.</summary>
    private static IEnumerable<string> Unless(string[] options, string[] given) =>
        options.Chunk(2).Where(pair => !given.Contains(pair[0])).SelectMany(pair => pair);
}
