using System.Diagnostics;
using System.Text.Json;

namespace Livebed.EndToEnd.Tests;

/// <summary>The collector of tests/Collector, on loopback. It does not outlive its test.</summary>
internal sealed class CollectorProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly Task<string> _lines;

    private CollectorProcess(Process process)
    {
        _process = process;
        Url = process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the collector did not start");

        // Read while it runs: a collector whose pipe is full answers no export, and the run waits for it at its end.
        _lines = process.StandardOutput.ReadToEndAsync();
    }

    public string Url { get; }

    /// <param name="protocol">grpc or http</param>
    /// <param name="certificates">speaks TLS with these, and with their clients only; null for none</param>
    public static CollectorProcess Start(string protocol, CollectorCertificates? certificates = null)
    {
        // Built with the tests, in the same configuration.
        var own = Path.DirectorySeparatorChar + "EndToEnd.Tests" + Path.DirectorySeparatorChar;
        var folder = AppContext.BaseDirectory.Replace(
            own, own.Replace("EndToEnd.Tests", "Collector", StringComparison.Ordinal), StringComparison.Ordinal);
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(folder, "Livebed.Collector.dll"));
        start.ArgumentList.Add(protocol);
        if (certificates is not null)
        {
            start.ArgumentList.Add(certificates.Server);
            start.ArgumentList.Add(certificates.Authority);
        }

        return new CollectorProcess(Process.Start(start)!);
    }

    /// <summary>Ends it; the spans that it got, each once.</summary>
    public async Task<IReadOnlyList<CollectedSpan>> EndAsync()
    {
        _process.StandardInput.Close();
        var lines = await _lines.WaitAsync(Patience);
        return [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<CollectedSpan>(line)!)
            .DistinctBy(span => span.SpanId)];
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }
}

/// <summary>A span as the collector tells it; ids in hexadecimal, an empty parent for a root.</summary>
internal sealed record CollectedSpan(
    string TraceId, string SpanId, string ParentId, string Name, string Service, string Instance,
    IReadOnlyDictionary<string, string> Attributes, IReadOnlyList<string> Links, string Tenant);
