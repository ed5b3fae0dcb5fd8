using System.Diagnostics;
using System.Text.Json;

namespace Livebed.Browser;

/// <summary>A run that is shown in the Aspire dashboard: while it is made (`run --view`), and then once more from its folder
/// (`view`).</summary>
internal sealed class ViewedRun : IDisposable
{
    /// <summary>Host events hold the mm for 50 ms while guests fault, so faults wait and begin again.</summary>
    private const string Campaign = """
        name: viewed
        duration: 6s
        warmup: 0s
        silos: 3
        vms:
          - { count: 2, vcpus: 2, guest: { bytesPerVcpu: 512KiB, rate: 2000 } }
        hostEvents: { rate: 8, maxPages: 64, hold: 50ms }
        telemetry: { sampleRatio: 0.3, slowLockWait: 5ms, slowFault: 10ms, retriesPromoted: 1 }
        minimum: { deliveredShare: 0 }
        """;

    private readonly string _folder;
    private Process _command;

    private ViewedRun(Process command, string folder, Uri page) => (_command, _folder, Page) = (command, folder, page);

    /// <summary>The address that the command says, with its key.</summary>
    public Uri Page { get; private set; }

    /// <summary>It is shown from its folder; then there are no logs and metrics.</summary>
    public bool IsStored { get; private set; }

    private string RunFolder => Directory.GetDirectories(Path.Combine(_folder, "runs")).Single();

    public static ViewedRun Make()
    {
        var folder = Directory.CreateTempSubdirectory("livebed-view-").FullName;
        File.WriteAllText(Path.Combine(folder, "viewed.yaml"), Campaign);
        var (command, page) = Show(folder, "run", "viewed.yaml", "--seed", "1", "--view");
        return new(command, folder, page);
    }

    /// <summary>Ends what shows it, and shows what it has left.</summary>
    public void ShowStored()
    {
        End();
        (_command, Page) = Show(_folder, "view", RunFolder);
        IsStored = true;
    }

    /// <summary>A notification whose spans come from three silos; then a fault that began again and the invalidation that it leads to.
    /// </summary>
    public (StoredSpan Notification, StoredSpan Fault, StoredSpan Cause) Chosen()
    {
        var spans = File.ReadLines(Path.Combine(RunFolder, "traces.otlp.jsonl"))
            .SelectMany(StoredSpan.In).DistinctBy(span => span.Id).ToDictionary(span => span.Id);
        var notification = spans.Values.GroupBy(span => span.TraceId).Where(trace => trace.Where(span => span.IsOfSilo)
                .DistinctBy(span => span.Instance).Count() >= 3)
            .SelectMany(trace => trace)
            .FirstOrDefault(span => span.ParentId.Length == 0 && span.Name.StartsWith("kvm.op.", StringComparison.Ordinal))
            ?? throw new InvalidOperationException("no operation has spans from three silos");
        foreach (var fault in spans.Values.Where(span => span.Name == "kvm.fault"))
            foreach (var link in fault.Links)
                if (spans.TryGetValue(link, out var cause) && cause.Name == "kvm.invalidation")
                    return (notification, fault, cause);
        throw new InvalidOperationException("no fault leads to an invalidation");
    }

    public void Dispose()
    {
        End();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Until the command says where the page is.</summary>
    private static (Process Command, Uri Page) Show(string folder, params string[] words)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach (var word in words.Prepend(Path.Combine(AppContext.BaseDirectory, "livebed.dll"))) start.ArgumentList.Add(word);
        var command = Process.Start(start)!;
        var said = new List<string>();
        while (command.StandardOutput.ReadLine() is { } line)
        {
            said.Add(line);
            if (line.StartsWith("view ", StringComparison.Ordinal)) return (command, new Uri(line["view ".Length..].Trim()));
        }

        throw new InvalidOperationException($"the command ended without an address: {string.Join('\n', said)}");
    }

    private void End()
    {
        using (var interrupt = Process.Start("kill", ["-INT", _command.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
            interrupt.WaitForExit();
        if (!_command.WaitForExit(TimeSpan.FromSeconds(20))) _command.Kill(entireProcessTree: true);
        _command.Dispose();
    }
}

/// <summary>A span of traces.otlp.jsonl; ids in hexadecimal, an empty parent for a root.</summary>
internal sealed record StoredSpan(string TraceId, string Id, string ParentId, string Name, string Instance, IReadOnlyList<string> Links)
{
    public bool IsOfSilo => Instance.StartsWith("silo", StringComparison.Ordinal);

    public static IEnumerable<StoredSpan> In(string line)
    {
        using var request = JsonDocument.Parse(line);
        foreach (var resource in request.RootElement.GetProperty("resourceSpans").EnumerateArray())
        {
            var instance = resource.GetProperty("resource").GetProperty("attributes").EnumerateArray()
                .Single(attribute => attribute.GetProperty("key").GetString() == "service.instance.id")
                .GetProperty("value").GetProperty("stringValue").GetString()!;
            var scopes = resource.GetProperty("scopeSpans").EnumerateArray();
            foreach (var span in scopes.SelectMany(scope => scope.GetProperty("spans").EnumerateArray()))
                yield return new(
                    span.GetProperty("traceId").GetString()!, span.GetProperty("spanId").GetString()!,
                    span.TryGetProperty("parentSpanId", out var parent) ? parent.GetString()! : "", span.GetProperty("name").GetString()!,
                    instance,
                    span.TryGetProperty("links", out var links)
                        ? [.. links.EnumerateArray().Select(link => link.GetProperty("spanId").GetString()!)]
                        : []);
        }
    }
}
