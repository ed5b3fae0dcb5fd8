using System.IO.Compression;
using System.Text;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Tests.Results;

namespace Livebed.Driver.Tests.BadInputs;

/// <summary>Good files of every kind that the command reads.</summary>
internal sealed record InputFiles(byte[] Replay, byte[] Results, byte[] Trace, byte[] Campaign, byte[] Spans, byte[] Prices)
{
    private const string TraceText =
        """{"format":"dirty-page-trace/1","name":"t","source":"test","pageSize":4096,"pages":100,"intervals":2}"""
            + "\n10000 0+3 7\n20000 1\n";

    private const string SpansText =
        """
        {"resourceSpans":[{"resource":{"attributes":[{"key":"service.instance.id","value":{"stringValue":"silo-1"}}]},
        "scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002","name":"kvm.fault",
        "startTimeUnixNano":"1000","endTimeUnixNano":"9000","links":[{"traceId":"01","spanId":"03","attributes":[]}],
        "attributes":[{"key":"kvm.fault.retries","value":{"intValue":"3"}}]}]}]}]}
        """;

    public static async Task<InputFiles> MakeAsync()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync(
            "explore", "fault-vs-invalidate", "--mutant", "no-retry-check", "--seed", "1", "--replay-file", "r.json"));
        return new(
            await File.ReadAllBytesAsync(harness.Folder.PathOf("r.json")),
            Encoding.UTF8.GetBytes(ResultsJson.Write(SampleResults.All)),
            Gzip(TraceText),
            Encoding.UTF8.GetBytes(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "campaigns", "smoke.yaml"))),
            Encoding.UTF8.GetBytes(SpansText),
            await File.ReadAllBytesAsync(Path.Combine(Repository.Root, "prices", "x86-2021.yaml")));
    }

    public static byte[] Gzip(string text)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return buffer.ToArray();
    }
}
