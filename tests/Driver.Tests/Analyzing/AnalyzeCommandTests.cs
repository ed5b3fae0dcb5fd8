using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Livebed.Driver.Analyzing;
using Livebed.Driver.Errors;
using Livebed.Driver.Tests.Docs;

namespace Livebed.Driver.Tests.Analyzing;

/// <summary>`livebed analyze` on traces that were written by hand: who waited for whom, why faults began again, and thresholds.</summary>
public sealed class AnalyzeCommandTests
{
    /// <summary>A run with two silos: fault A waits 50 ms for what B holds, and B waits 40 ms of that for C on the other silo. A begins
    /// again for an invalidation that belongs to B.</summary>
    private static readonly SpanText[] _run =
    [
        new("run", "01", null, "livebed.run", "driver", 0, 1_000_000)
        {
            Attributes = """[{"key":"livebed.campaign","value":{"stringValue":"planted"}}]""",
            Events = """
                [{"name":"kvm.lock_stat","attributes":[{"key":"kvm.lock.class","value":{"stringValue":"mmap_lock"}},
                {"key":"kvm.lock.mode","value":{"stringValue":"write"}},{"key":"kvm.lock.acquisitions","value":{"intValue":"100"}},
                {"key":"kvm.lock.contentions","value":{"intValue":"2"}},{"key":"kvm.lock.wait_min_us","value":{"intValue":"10"}},
                {"key":"kvm.lock.wait_max_us","value":{"intValue":"50000"}},{"key":"kvm.lock.wait_total_us","value":{"intValue":"50010"}},
                {"key":"kvm.lock.holds","value":{"intValue":"100"}},{"key":"kvm.lock.hold_max_us","value":{"intValue":"50000"}},
                {"key":"kvm.lock.hold_total_us","value":{"intValue":"60000"}}]},
                {"name":"kvm.guest_stall","attributes":[{"key":"kvm.vm","value":{"stringValue":"vm-0"}},
                {"key":"kvm.stall.faults_us","value":{"intValue":"90000"}},{"key":"kvm.stall.downtime_us","value":{"intValue":"7000"}}]}]
                """,
        },
        Wait("11", "mmap_lock", "silo-0", "op 1.1", "fault", "op 0.2", "unmap", 100_000, 50_000),
        Wait("12", "page_lock", "silo-1", "op 0.2", "unmap", "op 0.3", "reclaim", 105_000, 40_000),
        new("inv", "13", null, "kvm.invalidation", "silo-1", 90_000, 50_000)
        {
            Attributes = Attributes(("kvm.op.id", "op 0.2"), ("kvm.op.kind", "unmap"), ("kvm.pages", 8L), ("kvm.hva", 4096L)),
        },
        new("fault", "14", null, "kvm.fault", "silo-0", 80_000, 80_000)
        {
            Attributes = Attributes(
                ("kvm.op.id", "op 1.1"), ("kvm.vm", "vm-0"), ("kvm.gfn", 7L), ("kvm.fault.retries", 3L), ("kvm.fault.retry_us", 60_000L),
                ("kvm.fault.lock_wait_us", 50_000L), ("kvm.fault.network_us", 10_000L), ("kvm.fault.retry_reason", "sequence-changed"),
                ("kvm.fault.causes", "op 0.2")),
            Link = "13",
        },
        // An operation: two calls one after the other, of which the second overlaps one that nothing waited for.
        new("op", "21", null, "kvm.op.unmap", "driver", 0, 100),
        new("op", "22", "21", "first", "silo-0", 10, 30),
        new("op", "23", "21", "second", "silo-1", 50, 40),
        new("op", "24", "21", "hidden", "silo-1", 45, 30),
        new("op", "25", "23", "inner", "silo-0", 60, 10),
    ];

    [Fact]
    public async Task Each_part_says_what_was_planted()
    {
        var analysis = await AnalyzeAsync(harness => harness.Folder.Write("t.jsonl", Lines(_run)), "t.jsonl");
        var row = Assert.Single(analysis["locks"]!.AsArray())!;
        Assert.Equal(("mmap_lock", 100), ((string)row["class"]!, (int)row["acquisitions"]!));
        Assert.Equal((50_000, 25_005), ((int)row["holdMax"]!, (int)row["waitAvg"]!));

        var pair = analysis["pairs"]![0]!;
        Assert.Equal(("fault", "unmap", 50_000), ((string)pair["waiter"]!, (string)pair["holder"]!, (int)pair["max"]!));
        Assert.Equal(["op 1.1", "op 0.2"], analysis["chains"]![0]!.AsArray().Select(wait => (string)wait!["waiter"]!));
        Assert.Equal(["silo-0", "silo-1"], analysis["chains"]![0]!.AsArray().Select(wait => (string)wait!["silo"]!));

        var faults = analysis["faults"]!;
        Assert.Equal((1, 3), ((int)faults["linked"]!, (int)faults["retries"]!));
        var source = faults["chains"]![0]!["source"]!;
        Assert.Equal(("unmap", "op 0.2", 8), ((string)source["kind"]!, (string)source["operation"]!, (int)source["pages"]!));

        var stall = analysis["stalls"]![0]!;
        Assert.Equal((90_000, 7_000), ((int)stall["faults"]!, (int)stall["migration"]!));
        Assert.Equal(
            (50_000, 10_000, 20_000, 0),
            ((int)stall["lockWait"]!, (int)stall["network"]!, (int)stall["retry"]!, (int)stall["work"]!));

        Assert.Equal(
            ["kvm.op.unmap 10", "first 30", "kvm.op.unmap 10", "second 10", "inner 10", "second 20", "kvm.op.unmap 10"],
            analysis["operations"]![0]!["criticalPath"]!.AsArray().Select(step => $"{step!["name"]} {(int)step["microseconds"]!}"));
    }

    [Theory]
    [InlineData("folder")]
    [InlineData("partial")]
    [InlineData("document")]
    [InlineData("v3")]
    [InlineData("older")]
    public async Task A_folder_a_file_and_either_query_service_give_the_same(string source)
    {
        var expected = await AnalyzeAsync(harness => harness.Folder.Write("t.jsonl", Lines(_run)), "t.jsonl");
        await using var service = new QueryService(source == "v3", [Document(_run)]);
        var actual = await AnalyzeAsync(
            harness =>
            {
                Directory.CreateDirectory(harness.Folder.PathOf("run"));
                harness.Folder.Write("run/traces.otlp.jsonl" + (source == "partial" ? ".partial" : ""), Lines(_run));
                harness.Folder.Write("document.json", JsonNode.Parse(Document(_run))!.ToJsonString(new() { WriteIndented = true }));
            },
            source switch
            {
                "folder" or "partial" => "run",
                "document" => "document.json",
                _ => service.Url,
            });
        foreach (var document in new[] { expected, actual }) document.AsObject().Remove("source");
        Assert.Equal(expected.ToJsonString(), actual.ToJsonString());
    }

    [Theory]
    [InlineData("locks.mmap_lock.waitMax > 5000", 3)]
    [InlineData("locks.mmap_lock.write.waitMax > 5000", 3)]
    [InlineData("locks.mmap_lock.read.waitMax > 5000", 0)]
    [InlineData("locks.mmu_lock.waitMax > 5000", 0)]
    [InlineData("faults.linked < 1", 0)]
    [InlineData("stalls.vm-0.total >= 97000", 3)]
    [InlineData("violations == 0", 3)]
    public async Task A_condition_that_holds_makes_the_status_3(string condition, int status)
    {
        using var harness = new CommandHarness();
        harness.Folder.Write("t.jsonl", Lines(_run));
        Assert.Equal(status, await harness.RunAsync("analyze", "t.jsonl", "--fail-if", condition));
        Assert.Equal(status == 3, harness.Out.Contains($"fails: {condition}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_fields_of_the_JSON_are_those_that_are_documented()
    {
        using var harness = new CommandHarness();
        harness.Folder.Write("t.jsonl", Lines(_run));
        await harness.RunAsync("analyze", "t.jsonl", "--json", "--fail-if", "spans > 0");
        using var json = JsonDocument.Parse(harness.Out);
        var documented = Documents.Table("docs/telemetry.md", "### The JSON").SelectMany(row => Names(row[0]));
        Assert.Equal(
            documented.Order(StringComparer.Ordinal),
            JsonPaths.Of(json.RootElement).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_figures_of_conditions_are_those_that_are_documented()
    {
        var rows = Documents.Table("docs/telemetry.md", "### Conditions");
        var documented = rows.SelectMany(row => Names(row[0]).SelectMany(
            name => name.EndsWith(".COLUMN", StringComparison.Ordinal) || name.EndsWith(".PART", StringComparison.Ordinal)
                ? Names(row[1]).Select(part => name[..name.LastIndexOf('.')] + "." + part)
                : [name]));
        Assert.Equal(Figure.Names.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
        Assert.All(Figure.Names, name => Assert.True(Figure.IsName(name), name));
    }

    private static IEnumerable<string> Names(string cell) => Regex.Matches(cell, "`([^`]+)`").Select(match => match.Groups[1].Value);

    [Theory]
    [InlineData("locks.mmap_lock.wait > 1", "is no figure")]
    [InlineData("locks.mmap_lock.waitMax", "is no condition")]
    [InlineData("spans > many", "is no number")]
    public async Task A_condition_that_is_none_is_refused(string condition, string problem)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("analyze", "t.jsonl", "--fail-if", condition));
        Assert.Contains(problem, harness.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"01\"}]}]}]}\n", "t.jsonl:1: a span has no traceId")]
    [InlineData("{\"resourceSpans\":[]}\n{\"other\":1}\n", "t.jsonl:2: has no resourceSpans")]
    [InlineData("{\"resourceSpans\":[]}\n{\"resourceSpans\":", "t.jsonl:2: ")]
    [InlineData("{\"resourceSpans\":[]}\n", "has no spans")]
    public async Task Wrong_input_is_refused_with_its_line(string text, string problem)
    {
        using var harness = new CommandHarness();
        harness.Folder.Write("t.jsonl", text);
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("analyze", "t.jsonl"));
        Assert.Contains(problem, harness.Error, StringComparison.Ordinal);
        Assert.Equal(1, harness.Error.Count(c => c == '\n'));
    }

    [Fact]
    public async Task A_service_that_does_not_answer_is_told_in_a_line()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("analyze", "http://127.0.0.1:1"));
        Assert.Contains("does not answer", harness.Error, StringComparison.Ordinal);
    }

    private static async Task<JsonNode> AnalyzeAsync(Action<CommandHarness> prepare, string source)
    {
        using var harness = new CommandHarness();
        prepare(harness);
        var status = await harness.RunAsync("analyze", source, "--json");
        Assert.True(status == ExitCodes.Valid, harness.Error);
        return JsonNode.Parse(harness.Out)!;
    }

    private static SpanText Wait(
        string id, string lockClass, string silo, string waiter, string kind, string holder, string holderKind, long start,
        long microseconds) =>
        new(id, id, null, "kvm.lock.wait", silo, start, microseconds)
        {
            Attributes = Attributes(
                ("kvm.lock.class", lockClass), ("kvm.lock.mode", "write"), ("kvm.lock.instance", "x"), ("kvm.op.id", waiter),
                ("kvm.op.kind", kind), ("kvm.lock.holder", holder), ("kvm.lock.holder_kind", holderKind)),
        };

    private static string Attributes(params (string Key, object Value)[] attributes) => JsonSerializer.Serialize(
        attributes.Select(entry => new
        {
            key = entry.Key,
            value = entry.Value is long number
                ? new Dictionary<string, string> { ["intValue"] = number.ToString(CultureInfo.InvariantCulture) }
                : new Dictionary<string, string> { ["stringValue"] = (string)entry.Value },
        }));

    private static string Lines(IEnumerable<SpanText> spans) =>
        string.Concat(spans.Chunk(3).Select(chunk => Document(chunk).ReplaceLineEndings("") + "\n"));

    private static string Document(IEnumerable<SpanText> spans) =>
        "{\"resourceSpans\":[" + string.Join(',', spans.Select(span => span.Otlp())) + "]}";

    /// <summary>A span as it is written; times are microseconds.</summary>
    private sealed record SpanText(string Trace, string Id, string? Parent, string Name, string Instance, long Start, long Microseconds)
    {
        public string Attributes { get; init; } = "[]";
        public string Events { get; init; } = "[]";
        public string? Link { get; init; }

        public string Otlp() => $$$"""
            {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"{{{Service}}}"}},
            {"key":"service.instance.id","value":{"stringValue":"{{{Instance}}}"}}]},
            "scopeSpans":[{"scope":{"name":"Livebed"},"spans":[{"traceId":"{{{Trace}}}","spanId":"{{{Id}}}","parentSpanId":"{{{Parent}}}",
            "name":"{{{Name}}}","kind":1,"startTimeUnixNano":"{{{Start}}}000","endTimeUnixNano":"{{{Start + Microseconds}}}000",
            "attributes":{{{Attributes}}},"events":{{{Events}}},"links":[{{{LinkText}}}]}]}]}
            """;

        private string Service => Instance == "driver" ? "livebed-driver" : "livebed-silo";

        private string LinkText => Link is null ? "" : $$"""{"traceId":"x","spanId":"{{Link}}"}""";
    }
}
