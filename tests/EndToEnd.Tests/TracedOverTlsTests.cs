using Livebed.Driver.Errors;
using Livebed.Driver.Tests;
using Livebed.Driver.Tests.EndToEnd;

namespace Livebed.EndToEnd.Tests;

/// <summary>A collector that wants TLS and certificates of both sides, by the standard variables; and one that is not whom it should
/// be.</summary>
public sealed class TracedOverTlsTests
{
    private const string Campaign = """
        name: traced
        duration: 1s
        warmup: 0s
        silos: 2
        vms:
          - { count: 1, vcpus: 1, guest: { bytesPerVcpu: 256KiB, rate: 500 } }
        hostEvents: { rate: 20, maxPages: 16 }
        telemetry: { sampleRatio: 1 }
        minimum: { deliveredShare: 0 }
        """;

    [Theory]
    [InlineData("grpc", true)]
    [InlineData("http", true)]
    [InlineData("grpc", false)]
    [InlineData("http", false)]
    public async Task Spans_reach_a_collector_over_TLS_and_none_reaches_one_of_another_authority(string protocol, bool isKnown)
    {
        using var harness = new CommandHarness();
        var own = new CollectorCertificates(harness.Folder, "own");
        var trusted = isKnown ? own : new CollectorCertificates(harness.Folder, "other");
        using var collector = CollectorProcess.Start(protocol, own);
        harness.Folder.Write("c.yaml", Campaign);
        using var command = CommandProcess.Start(
            harness.Folder.FullPath,
            new Dictionary<string, string>
            {
                ["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol == "grpc" ? "grpc" : "http/protobuf",
                ["OTEL_EXPORTER_OTLP_CERTIFICATE"] = trusted.Authority,
                ["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"] = own.Client,
                ["OTEL_EXPORTER_OTLP_CLIENT_KEY"] = own.ClientKey,
                ["OTEL_EXPORTER_OTLP_TIMEOUT"] = "30000",
            },
            ["run", "c.yaml", "--otlp", collector.Url]);
        var exitCode = await command.EndAsync();
        Assert.True(exitCode == ExitCodes.Valid, command.Out + command.Errors);
        Assert.Equal(isKnown, (await collector.EndAsync()).Count > 0);
    }
}
