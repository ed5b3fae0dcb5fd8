using System.Globalization;
using System.Text;
using System.Text.Json;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using Livebed.Driver.Counters;
using Livebed.Driver.Reports;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Driver.Tests.Results;

namespace Livebed.Driver.Tests.Reports;

/// <summary>report.html says what results.json says, is one file, and takes nothing that a run wrote for markup.</summary>
public sealed class HtmlReportTests
{
    private static readonly RunResults _sample = SampleResults.All;

    [Fact]
    public async Task The_verdict_comes_first_with_its_reasons_and_the_command_that_repeats_it()
    {
        var page = await PageAsync(_sample);
        Assert.Equal("sample: invalid", page.Title);
        Assert.Equal("invalid", page.QuerySelector("h1 .verdict.invalid")!.TextContent);
        Assert.Equal(_sample.Reasons, page.QuerySelectorAll("header .reason").Select(reason => reason.TextContent));
        Assert.Equal(_sample.Command, page.QuerySelector("header code")!.TextContent);
        Assert.Contains("4242", page.QuerySelector("header .facts")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("no-tlb-flush", page.QuerySelector("header .facts")!.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_finding_is_there_with_its_whole_witness()
    {
        var page = await PageAsync(_sample);
        var witnesses = page.QuerySelectorAll(".finding pre").SelectMany(witness => witness.TextContent.Split('\n')).ToList();
        Assert.Equal(
            [.. _sample.Violations[0].Witness, .. _sample.Hangs[0].Witness, .. _sample.LockOrder.PotentialCycles[0].Chains], witnesses);
        var findings = page.QuerySelectorAll(".finding").Select(finding => finding.TextContent).ToList();
        Assert.Equal(4, findings.Count);
        Assert.Contains("gfn 0x10", findings[0], StringComparison.Ordinal);
        Assert.Contains("history.jsonl ends early", findings[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_round_has_what_was_predicted_beside_what_was_measured_and_why_they_differ()
    {
        var page = await PageAsync(_sample);
        var cells = page.QuerySelectorAll(".migration tbody tr.diverging > *").Select(cell => cell.TextContent.Trim()).ToList();
        Assert.Equal(
            [
                "1", "100", "3", "11.5ms", "10.5ms", "9.3ms", "51", "50", "44", "25.5KiB", "25.4KiB", "22KiB", "5.8ms",
                "dirty limit", "+25.0 %", "diverging, ring-full",
            ],
            cells);
        var migration = page.QuerySelector(".migration")!.TextContent;
        Assert.Contains("not done after 1000 ms", migration, StringComparison.Ordinal);
        Assert.Contains("its guest is lost", migration, StringComparison.Ordinal);
        Assert.Contains("out-of-time, 4 rounds, total-time 1.5s, downtime 37.5ms", migration, StringComparison.Ordinal);
        Assert.Contains("setup at 500us, active at 3.5ms", migration, StringComparison.Ordinal);
        Assert.Contains("postcopy-vcpu-blocktime4.5ms, 1.3ms", migration, StringComparison.Ordinal);
        Assert.Contains("postcopy-blocktime1.3ms", migration, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rounds_and_migrations_are_drawn_measured_and_predicted()
    {
        var migration = SampleResults.Migration;
        var unpredicted = migration.Rounds[0] with { Round = 2, DirtiedPages = 40, Predicted = null, Forecast = null };
        migration = migration with { Status = Kvm.Migration.MigrationStatus.Completed, Rounds = [migration.Rounds[0], unpredicted] };
        var page = await PageAsync(_sample with { Migrations = [migration, migration with { Predicted = null, Downtime = 7 }] });

        var charts = page.QuerySelectorAll(".chart")
            .Select(chart => JsonSerializer.Deserialize<JsonElement>(chart.GetAttribute("data-chart")!)).ToList();
        Assert.Equal(6, charts.Count);
        Assert.Equal(["[1,2]", "[40.125,7]", "[39.25,null]", "[37.5,37.5]"], Series(charts[1]));
        Assert.Equal(["[1,2]", "[51,40]", "[50,null]", "[44,null]"], Series(charts[3]));
        Assert.Equal("2 of 2", page.QuerySelector("section table tbody td")!.TextContent);
    }

    [Fact]
    public async Task Counts_latencies_locks_guests_leaks_and_silos_are_all_there()
    {
        var page = await PageAsync(_sample);
        var text = page.Body!.TextContent;
        foreach (var (name, read) in CounterTable.All)
        {
            Assert.Contains(name, text, StringComparison.Ordinal);
            Assert.Contains(read(_sample.Counts).ToString("N0", CultureInfo.InvariantCulture), text, StringComparison.Ordinal);
        }

        var rows = page.QuerySelectorAll("tbody tr").Select(row => row.Children.Select(cell => cell.TextContent).ToList()).ToList();
        Assert.Contains(rows, row => row.SequenceEqual(["unmap", "1k", "120us", "4.5ms", "900ms", "31s"]));
        Assert.Contains(rows, row => row.SequenceEqual(["waits for a grain's turn", "99", "1us", "2us", "3us", "4us"]));
        Assert.Contains(
            rows,
            row => row.SequenceEqual(["mmu_lock-R", "2", "4", "1us", "5us", "12us", "3us", "3", "10", "2us", "6us", "20us", "2us"]));
        Assert.Contains(rows, row => row.SequenceEqual(["vm-0", "4", "workloads/redis.dirty.gz", "1M", "2.5s", "0.750"]));
        Assert.Contains(rows, row => row.SequenceEqual(["dirty-log-get", "2.5M", "1.2M", "1"]));
        Assert.Contains(rows, row => row.SequenceEqual(["silo-0", "127.0.0.1:11111", "4711", "lost"]));
        foreach (var (what, read) in LeakResult.Kinds)
            Assert.Contains($"{what}{read(_sample.Leaks)}", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_run_wrote_is_never_markup()
    {
        const string Hostile = "</pre><script>alert(1)</script>\"><img src=x onerror=alert(1)>&amp;";
        var violation = _sample.Violations[0] with { Message = Hostile, Witness = [Hostile] };
        var migration = SampleResults.Migration with { Vm = Hostile, Reason = Hostile };
        var page = await PageAsync(
            _sample with { Name = Hostile, Command = Hostile, Reasons = [Hostile], Violations = [violation], Migrations = [migration] });
        Assert.Empty(page.Images);
        Assert.Single(page.Scripts, script => script.Type is null or "");
        Assert.Equal($"{Hostile}: invalid", page.Title);
        Assert.Equal(Hostile, page.QuerySelector(".finding pre")!.TextContent);
        Assert.Equal(Hostile, page.QuerySelector("header code")!.TextContent);
        Assert.Equal(Hostile, page.QuerySelector(".migration .why")!.TextContent);
    }

    [Fact]
    public async Task The_page_carries_what_is_drawn_over_time_and_why_faults_began_again()
    {
        var page = await PageAsync(_sample with { Reached = [new("retry-for-sequence", 2, 0)] });
        var charts = RunCharts.Read(Encoding.UTF8.GetBytes(page.QuerySelector("script#charts")!.TextContent));
        Assert.Equal(SampleResults.Charts.Write(), charts.Write());
        Assert.Equal(
            $"violation S1: {_sample.Violations[0].Message}\ndeadlock: two operations wait for each other",
            page.QuerySelector("#timeline")!.GetAttribute("data-end"));
        var causes = page.QuerySelectorAll("h2").Single(title => title.TextContent == "Fault retries").ParentElement!
            .QuerySelectorAll("tbody tr").Select(row => $"{row.Children[0].TextContent} {row.Children[1].TextContent}");
        Assert.Equal(["retry-for-sequence 2", "spte-gone 1"], causes);

        var without = new HtmlParser().ParseDocument(await HtmlReport.RenderAsync(new(_sample, Charts: null, [])));
        Assert.Empty(without.QuerySelectorAll("#timeline, #charts, [data-lines], [data-latencies]"));
    }

    [Fact]
    public async Task A_violation_and_a_slow_operation_are_links_to_their_traces_where_Jaegers_page_is_known()
    {
        var violation = _sample.Violations[0];
        var traces = new TraceFigures(
            [new("unmap", "op 0.5", 10, 20_000, "", "a1")], [new("fault", "unmap", "mmap_lock-R", 3, 50, 40, "b2")], [],
            [($"{violation.Invariant}: {violation.Message}", "c3")]);
        var page = new HtmlParser().ParseDocument(
            await HtmlReport.RenderAsync(new(_sample, Charts: null, [], traces, Jaeger: new Uri("http://jaeger.example:16686/ui/"))));
        var finding = page.QuerySelectorAll(".finding").Single(
            one => one.TextContent.Trim().StartsWith($"{violation.Invariant}: ", StringComparison.Ordinal));
        Assert.Equal("http://jaeger.example:16686/ui/trace/c3", Assert.Single(finding.QuerySelectorAll("a")).GetAttribute("href"));
        Assert.Equal("http://jaeger.example:16686/ui/trace/a1", page.QuerySelector("#slowest a")!.GetAttribute("href"));
        Assert.Equal("http://jaeger.example:16686/ui/trace/b2", page.QuerySelector("#pairs a")!.GetAttribute("href"));

        var without = new HtmlParser().ParseDocument(await HtmlReport.RenderAsync(new(_sample, Charts: null, [], traces)));
        Assert.Empty(without.QuerySelectorAll("a"));
        Assert.Contains(without.QuerySelectorAll(".finding code"), trace => trace.TextContent == "c3");
    }

    [Fact]
    public async Task A_lock_that_nothing_waited_for_is_folded_away_and_one_with_a_wait_that_has_not_ended_is_not()
    {
        var quiet = _sample.Locks[0] with { Class = "quiet", Mode = "write", Contentions = 0 };
        var stuck = SampleResults.Charts with { Series = [new(ChartGroup.LockWaits, "stuck-R", [0, 1, 2])] };
        var page = await PageAsync(
            _sample with { Locks = [quiet, _sample.Locks[0], quiet with { Class = "stuck", Mode = "read" }] }, stuck);
        Assert.Equal("quiet-W", Assert.Single(page.QuerySelectorAll("details #locks-without-waits tbody th")).TextContent);
        Assert.Contains("stuck-R", page.QuerySelectorAll("#locks tbody th").Select(name => name.TextContent));
    }

    [Fact]
    public async Task A_finding_has_a_lane_for_each_actor_that_took_part_in_it()
    {
        HistoryEvent Event(long time, string process, string type, string op) => new(time, "silo-0", process, type, "unmap", op, "<b>");
        var page = await PageAsync(
            _sample, null,
            Event(1_000, "driver", "invoke", "1.2"), Event(1_100, "vm-0", "invoke", "1.2"), Event(1_150, "host-0", "invoke", "0.7"),
            Event(1_500, "vm-0", "ok", "1.2"), Event(1_600, "host-0", "ok", "0.7"), Event(9_000, "far", "invoke", "0.8"));
        var figure = Assert.Single(page.QuerySelectorAll(".finding .witness"));
        Assert.Equal(
            ["driver", "vm-0", "far", "host-0"], figure.QuerySelectorAll("text.lane > title").Select(name => name.TextContent).Take(4));
        var bars = figure.QuerySelectorAll(".bar.named").Select(bar => bar.GetAttribute("aria-label")).ToList();
        Assert.Equal(["driver: unmap 1.2, not ended, 8ms: <b>", "vm-0: unmap 1.2, ok, 400us: <b>"], bars);
    }

    [Fact]
    public async Task It_refers_to_nothing_outside_of_itself()
    {
        var page = await PageAsync(_sample);
        Assert.All(new[] { "src", "href", "srcset", "action", "data" }, name => Assert.Null(page.QuerySelector($"[{name}]")));
        Assert.All(page.QuerySelectorAll("style"), style => Assert.DoesNotMatch("@import|url\\(", style.TextContent));
        Assert.DoesNotMatch("fetch\\(|XMLHttpRequest|import\\(", Assert.Single(page.Scripts, script => script.Type is null or "").Text);
    }

    [Fact]
    public async Task Ten_thousand_findings_and_migrations_are_drawn_in_part_and_it_says_so()
    {
        var violations = Enumerable.Repeat(_sample.Violations[0], 10_000).ToList();
        var migrations = Enumerable.Repeat(SampleResults.Migration, 10_000).ToList();
        var page = await PageAsync(_sample with { Violations = violations, Migrations = migrations });
        Assert.Equal(200, page.QuerySelectorAll("details.migration").Length);
        Assert.Contains("… and 9800 more of the kind in results.json", page.Body!.TextContent, StringComparison.Ordinal);
        Assert.Contains("… and 9800 more in results.json", page.Body.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_without_findings_and_migrations_has_no_section_for_them()
    {
        var page = await PageAsync(
            _sample with
            {
                Verdict = VerdictKind.Valid,
                Violations = [],
                Hangs = [],
                LockOrder = LockOrderResult.Empty,
                LimitsHit = [],
                Migrations = [],
            });
        Assert.Equal(
            ["Timeline", "Locks", "Fault retries", "Latency", "Load", "Counts", "Cases met", "Guests", "Same-page merging",
                "Left after teardown", "Silos"],
            page.QuerySelectorAll("h2").Select(title => title.TextContent));
        Assert.NotNull(page.QuerySelector(".verdict.valid"));
    }

    private static string[] Series(JsonElement chart) =>
        [.. new[] { "x", "measured", "model", "workload" }.Select(name => chart.GetProperty(name).GetRawText())];

    private static async Task<IHtmlDocument> PageAsync(RunResults results, RunCharts? charts = null, params HistoryEvent[] tail) =>
        new HtmlParser().ParseDocument(await HtmlReport.RenderAsync(new(results, charts ?? SampleResults.Charts, tail)));
}
