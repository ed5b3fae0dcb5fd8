using Livebed.Driver.Errors;
using Livebed.Driver.Runs;

namespace Livebed.Driver.Tests.Reports;

/// <summary>`livebed report` draws a stored run again and leaves everything else as it was.</summary>
public sealed class ReportCommandTests
{
    /// <summary>An operation that waited for a lock.</summary>
    private const string Traces = """
        {"resourceSpans":[{"resource":{"attributes":[{"key":"service.instance.id","value":{"stringValue":"silo-1"}}]},
        "scopeSpans":[{"spans":[
        {"traceId":"0123456789abcdef0123456789abcdef","spanId":"0000000000000001","name":"kvm.op.fork","startTimeUnixNano":"1000000",
        "endTimeUnixNano":"9000000","attributes":[{"key":"kvm.op.id","value":{"stringValue":"op 1.1"}}]},
        {"traceId":"0123456789abcdef0123456789abcdef","spanId":"0000000000000002","parentSpanId":"0000000000000001",
        "name":"kvm.lock.wait","startTimeUnixNano":"2000000","endTimeUnixNano":"8000000","attributes":[
        {"key":"kvm.lock.class","value":{"stringValue":"mmap_lock"}},{"key":"kvm.lock.holder_kind","value":{"stringValue":"reclaim"}},
        {"key":"kvm.op.kind","value":{"stringValue":"fork"}}]}]}]}]}
        """;

    [Fact]
    public async Task A_run_leaves_its_report_and_drawn_again_it_is_the_same()
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign);
        var folder = Path.GetRelativePath(harness.Folder.FullPath, Assert.Single(harness.RunFolders));
        var file = Path.Combine(folder, RunFolder.ReportFile);
        var first = await File.ReadAllTextAsync(harness.Folder.PathOf(file));
        Assert.Contains($"report      {file}\n", harness.Out, StringComparison.Ordinal);

        File.Delete(harness.Folder.PathOf(file));
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("report", folder));
        Assert.EndsWith($"{file}\n", harness.Out, StringComparison.Ordinal);
        Assert.Equal(first, await File.ReadAllTextAsync(harness.Folder.PathOf(file)));

        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("report", folder, "--out", "other.html"));
        Assert.Equal(first, await File.ReadAllTextAsync(harness.Folder.PathOf("other.html")));
    }

    [Theory]
    [InlineData("none: there is no such folder; allowed: the folder of a run, as `livebed run` makes it", "none")]
    [InlineData("empty/results.json: there is no such file; allowed: the results.json of a run that came to its end", "empty")]
    [InlineData("broken/results.json:2: $.verdict: is not what a run writes (", "broken")]
    [InlineData("null/results.json: is not what a run writes (", "null")]
    [InlineData("livebed: Required argument 'dir' missing for command: 'report'; allowed: --out, --jaeger-ui, --verbose", null)]
    public async Task Bad_input_is_one_line_and_writes_nothing(string expected, string? folder)
    {
        using var harness = new CommandHarness();
        foreach (var (name, content) in new[] { ("broken", "{\n  \"verdict\": \"splendid\"\n}\n"), ("null", "null") })
        {
            Directory.CreateDirectory(harness.Folder.PathOf(name));
            harness.Folder.Write(Path.Combine(name, RunFolder.ResultsFile), content);
        }

        Directory.CreateDirectory(harness.Folder.PathOf("empty"));
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(folder is null ? ["report"] : ["report", folder]));
        Assert.StartsWith(expected, harness.Error, StringComparison.Ordinal);
        Assert.Equal(1, harness.Error.Count(c => c == '\n'));
        Assert.Empty(Directory.GetFiles(harness.Folder.FullPath, "*.html*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData(257 << 20, "traces.otlp.jsonl has 257 MiB, and a report reads 256 MiB at most.")]
    [InlineData(1, "traces.otlp.jsonl could not be read: traces.otlp.jsonl:1: ")]
    public async Task Traces_that_are_left_out_are_said_to_be(long bytes, string reason)
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign);
        var folder = Assert.Single(harness.RunFolders);
        // A file of nothing but room takes none on the disk.
        using (var file = File.Create(Path.Combine(folder, RunFolder.TracesFile))) file.SetLength(bytes);
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("report", folder));
        var page = await File.ReadAllTextAsync(Path.Combine(folder, RunFolder.ReportFile));
        Assert.Contains("Left out of this page: the slowest operations, who waited for whom,", page, StringComparison.Ordinal);
        Assert.Contains(reason, page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Traces_are_links_where_Jaegers_page_is_known()
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign);
        var folder = Assert.Single(harness.RunFolders);
        File.WriteAllText(Path.Combine(folder, RunFolder.TracesFile), Traces);
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("report", folder, "--jaeger-ui", "http://jaeger:16686/ui/"));
        var page = await File.ReadAllTextAsync(Path.Combine(folder, RunFolder.ReportFile));
        Assert.Matches("<a href=\"http://jaeger:16686/ui/trace/[0-9a-f]{32}\">[0-9a-f]{8}</a>", page);
        Assert.Contains("kvm.lock.wait on silo-1 6ms, kvm.op.fork on silo-1 2ms", page, StringComparison.Ordinal);
        Assert.Contains("<th>fork</th><td class=\"text\">reclaim</td><td class=\"text\">mmap_lock-W</td>", page, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("report", folder, "--jaeger-ui", "jaeger"));
        Assert.Equal(
            "--jaeger-ui jaeger: is no address; allowed: an http or https URL, as in http://localhost:16686\n", harness.Error);
    }

    [Fact]
    public async Task A_place_that_cannot_be_written_is_named()
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign);
        var folder = Assert.Single(harness.RunFolders);
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("report", folder, "--out", Path.Combine("nowhere", "report.html")));
        Assert.StartsWith("nowhere/report.html: cannot be written (", harness.Error, StringComparison.Ordinal);
    }
}
