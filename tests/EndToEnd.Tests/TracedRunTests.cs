using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Livebed.Driver.Errors;
using Livebed.Driver.Runs;
using Livebed.Driver.Tests;
using Livebed.Driver.Tests.Analyzing;
using Livebed.Driver.Tests.EndToEnd;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Host.Events;

namespace Livebed.EndToEnd.Tests;

/// <summary>
/// The spans of a run over three silos as a collector gets them and as the run folder has them: whole trees, three instances, links that
/// lead somewhere, attributes as documented; and what `analyze` makes of a hold that was planted.
/// </summary>
public sealed class TracedRunTests
{
    /// <summary>Few host events, each of which holds the mm for 50 ms while guests fault.</summary>
    private const string Campaign = """
        name: traced
        duration: 3s
        warmup: 0s
        silos: 3
        vms:
          - { count: 2, vcpus: 2, guest: { bytesPerVcpu: 512KiB, rate: 2000 } }
        hostEvents: { rate: 8, maxPages: 64, hold: 50ms }
        telemetry: { sampleRatio: 0.3, slowLockWait: 5ms, slowFault: 10ms, retriesPromoted: 1 }
        minimum: { deliveredShare: 0 }
        """;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_collector_and_the_run_folder_get_whole_trees_from_three_silos_with_links_to_the_causes(bool grpcAndProcesses)
    {
        using var collector = CollectorProcess.Start(grpcAndProcesses ? "grpc" : "http");
        using var harness = new CommandHarness();
        harness.Folder.Write("c.yaml", Campaign);
        using var command = CommandProcess.Start(
            harness.Folder.FullPath,
            new Dictionary<string, string>
            {
                ["OTEL_EXPORTER_OTLP_PROTOCOL"] = grpcAndProcesses ? "grpc" : "http/protobuf",
                ["OTEL_EXPORTER_OTLP_HEADERS"] = "x-tenant=livebed",
                // No span is given up because the machine is slow.
                ["OTEL_EXPORTER_OTLP_TIMEOUT"] = "30000",
            },
            ["run", "c.yaml", "--otlp", collector.Url, .. grpcAndProcesses ? ["--processes"] : Array.Empty<string>()]);
        var exitCode = await command.EndAsync();
        Assert.True(exitCode == ExitCodes.Valid, command.Out + command.Errors);

        var spans = await collector.EndAsync();
        Assert.All(spans, span => Assert.Equal("livebed", span.Tenant));
        CheckTrees(spans);
        CheckLinks(spans);
        CheckAttributes(spans);

        // The file has what the collector got; what the collector missed at the end is in the file all the same.
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("analyze", harness.RunFolders.Single(), "--json", "--top", "10000"));
        using var analysis = JsonDocument.Parse(harness.Out);
        Assert.Empty(spans.Select(span => span.SpanId).Except(SpanIds(harness.RunFolders.Single())));
        Assert.Equal(["driver", "silo-0", "silo-1", "silo-2"], analysis.RootElement.GetProperty("instances").EnumerateArray()
            .Select(instance => instance.GetString()!));
        CheckPlantedHold(analysis.RootElement);
        await CheckServicesAsync(harness, harness.RunFolders.Single());
    }

    private static void CheckTrees(IReadOnlyList<CollectedSpan> spans)
    {
        var byId = spans.ToDictionary(span => span.SpanId);
        foreach (var span in spans)
        {
            var root = span;
            while (root.ParentId.Length > 0) root = Assert.Contains(root.ParentId, (IReadOnlyDictionary<string, CollectedSpan>)byId);
            Assert.True(
                root.Name.StartsWith("kvm.", StringComparison.Ordinal) || root.Name.StartsWith("livebed.", StringComparison.Ordinal));
        }

        Assert.Contains(spans, span => span.ParentId.Length > 0 && byId[span.ParentId].Instance != span.Instance);
        Assert.Equal(
            ["silo-0", "silo-1", "silo-2"],
            spans.Where(span => span.Service == TelemetrySetup.SiloService).Select(span => span.Instance).Distinct().Order());
        Assert.All(spans.GroupBy(span => span.TraceId), trace => Assert.InRange(trace.Count(), 1, 499));
    }

    private static void CheckLinks(IReadOnlyList<CollectedSpan> spans)
    {
        var byId = spans.ToDictionary(span => span.SpanId);
        // Whether or not anything is known of why.
        var retried = spans.Where(
            span => span.Name == SpanNames.Fault && span.Attributes[AttributeNames.FaultRetries] != "0").ToList();
        Assert.NotEmpty(retried);
        var linked = retried.Count(span => span.Links.Any(
            link => byId.GetValueOrDefault(link) is { Name: SpanNames.Invalidation }));
        var without = retried.Count(span => span.Links.Count == 0);
        Assert.True(
            linked >= 0.9 * retried.Count, $"{linked} of {retried.Count} retried faults lead to an invalidation, {without} to nothing");
    }

    private static void CheckAttributes(IEnumerable<CollectedSpan> spans)
    {
        var documented = typeof(AttributeNames).GetFields().Where(field => field.IsLiteral)
            .Select(field => (string)field.GetRawConstantValue()!).ToHashSet();
        var ours = spans.Where(span => span.Name.StartsWith("kvm.", StringComparison.Ordinal)
            || span.Name.StartsWith("livebed.", StringComparison.Ordinal)).ToList();
        Assert.Empty(ours.SelectMany(span => span.Attributes.Keys).Distinct().Except(documented));
        Assert.Contains(ours, span => span.Name == SpanNames.Run);

        // What is about a VM can be searched by it.
        var events = ours.Where(span => span.Name.StartsWith(SpanNames.OperationPrefix, StringComparison.Ordinal)
            && HostEventKind.Events.Any(kind => kind.Name == span.Attributes[AttributeNames.OperationKind])).ToList();
        var faults = ours.Where(span => span.Name == SpanNames.Fault).ToList();
        var invalidations = ours.Where(span => span.Name == SpanNames.Invalidation).ToList();
        foreach (var some in new[] { events, faults, invalidations })
        {
            Assert.NotEmpty(some);
            Assert.All(some, span => Assert.Matches("^vm-[01]$", span.Attributes[AttributeNames.Vm]));
        }

        Assert.All(
            events, span => Assert.InRange(int.Parse(span.Attributes[AttributeNames.Pages], CultureInfo.InvariantCulture), 1, 64));
        Assert.Contains(invalidations, span => span.Attributes.ContainsKey(AttributeNames.GfnEnd));
    }

    /// <summary>The service replays what the file has; the older address knows microseconds only.</summary>
    private static async Task CheckServicesAsync(CommandHarness harness, string folder)
    {
        var lines = await File.ReadAllLinesAsync(Path.Combine(folder, RunFolder.TracesFile));
        harness.Folder.Write("cut.jsonl", string.Concat(lines.Select(line => QueryService.InMicroseconds(line) + "\n")));
        foreach (var (isNew, stored) in new[] { (true, folder), (false, "cut.jsonl") })
        {
            await using var service = new QueryService(isNew, lines);
            Assert.Equal(await TablesAsync(harness, stored), await TablesAsync(harness, service.Url));
        }
    }

    private static async Task<string> TablesAsync(CommandHarness harness, string source)
    {
        using var fresh = new CommandHarness();
        var status = await fresh.RunAsync(
            "analyze", source.Contains("://", StringComparison.Ordinal) ? source : harness.Folder.PathOf(source), "--json", "--top",
            "10000");
        Assert.True(status == ExitCodes.Valid, fresh.Error);
        var tables = JsonNode.Parse(fresh.Out)!.AsObject();
        tables.Remove("source");
        return tables.ToJsonString();
    }

    private static void CheckPlantedHold(JsonElement analysis)
    {
        foreach (var row in analysis.GetProperty("locks").EnumerateArray())
        {
            Assert.True(Number(row, "contentions") <= Number(row, "acquisitions"), row.ToString());
            Assert.True(Number(row, "contentionBounces") <= Number(row, "contentions"), row.ToString());
            Assert.True(Number(row, "acquisitionBounces") <= Number(row, "acquisitions"), row.ToString());
            Assert.True(
                Number(row, "waitMin") <= Number(row, "waitAvg") + 0.01 && Number(row, "waitAvg") <= Number(row, "waitMax") + 0.01,
                row.ToString());
            Assert.True(
                Number(row, "holdMin") <= Number(row, "holdAvg") + 0.01 && Number(row, "holdAvg") <= Number(row, "holdMax") + 0.01,
                row.ToString());
        }

        Assert.Contains(analysis.GetProperty("locks").EnumerateArray(), row =>
            row.GetProperty("class").GetString() == "mmap_lock" && Number(row, "holdMax") >= 50_000);
        Assert.Contains(analysis.GetProperty("pairs").EnumerateArray(), pair =>
            pair.GetProperty("class").GetString() == "mmap_lock" && pair.GetProperty("waiter").GetString() == "fault"
                && pair.GetProperty("holder").GetString() != "fault" && Number(pair, "max") >= 40_000);
        Assert.NotEmpty(analysis.GetProperty("faults").GetProperty("causes").EnumerateArray());
        Assert.NotEmpty(analysis.GetProperty("operations").EnumerateArray());
    }

    private static IEnumerable<string> SpanIds(string folder) =>
        File.ReadLines(Path.Combine(folder, RunFolder.TracesFile)).SelectMany(line =>
        {
            using var request = JsonDocument.Parse(line);
            return request.RootElement.GetProperty("resourceSpans").EnumerateArray()
                .SelectMany(resource => resource.GetProperty("scopeSpans").EnumerateArray())
                .SelectMany(scope => scope.GetProperty("spans").EnumerateArray())
                .Select(span => span.GetProperty("spanId").GetString()!).ToList();
        });

    private static double Number(JsonElement row, string name) => row.GetProperty(name).GetDouble();
}
