using System.Diagnostics;
using System.Text.Json;
using Livebed.Grains.Telemetry;

namespace Livebed.Grains.Tests.Telemetry;

/// <summary>traces.otlp.jsonl is OTLP JSON in whole lines, bounded, and has the spans of all processes.</summary>
[Collection(TracingCollection.Name)]
public sealed class TraceFileTests : IDisposable
{
    private static readonly SpanOrigin Silo = new(TelemetrySetup.SiloService, "silo-1");
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("livebed-traces-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_line_is_an_export_request_with_ids_in_hexadecimal_and_times_as_text()
    {
        var span = Ended("kvm.op.unmap");
        using (var file = new TraceFile(PathOf("t.partial")))
        {
            file.Add(span, Silo);
            file.Complete(PathOf("t"));
            Assert.Equal(1, file.Spans);
        }

        var resource = JsonDocument.Parse(Assert.Single(File.ReadAllLines(PathOf("t")))).RootElement.GetProperty("resourceSpans")[0];
        Assert.Contains("silo-1", resource.GetProperty("resource").ToString(), StringComparison.Ordinal);
        var written = resource.GetProperty("scopeSpans")[0].GetProperty("spans")[0];
        Assert.Equal(span.TraceId.ToHexString(), written.GetProperty("traceId").GetString());
        Assert.Equal(span.SpanId.ToHexString(), written.GetProperty("spanId").GetString());
        Assert.Equal("946684800000001000", written.GetProperty("startTimeUnixNano").GetString());
        Assert.Equal("946684800000003000", written.GetProperty("endTimeUnixNano").GetString());
        Assert.Equal(1, written.GetProperty("kind").GetInt32());
        var values = written.GetProperty("attributes").EnumerateArray().ToDictionary(
            entry => entry.GetProperty("key").GetString()!, entry => entry.GetProperty("value"));
        Assert.Equal("7", values["number"].GetProperty("intValue").GetString());
        Assert.True(values["yes"].GetProperty("boolValue").GetBoolean());
        Assert.Equal("a \"b\"\n", values["text"].GetProperty("stringValue").GetString());
        Assert.False(File.Exists(PathOf("t.partial")));
    }

    [Fact]
    public void What_is_beyond_the_bound_is_counted_and_lines_stay_whole()
    {
        using var file = new TraceFile(PathOf("t.partial"), bytesMax: 2_000);
        for (var i = 0; i < 1_000; i++) file.Add(Ended("kvm.op.unmap"), Silo);
        file.Complete(PathOf("t"));
        Assert.Equal(1_000, file.Spans + file.Dropped);
        Assert.InRange(file.Dropped, 1, 1_000);
        Assert.InRange(new FileInfo(PathOf("t")).Length, 0, 2_000);
    }

    [Fact]
    public void Parts_of_other_processes_are_joined_without_the_line_that_a_killed_one_left_half()
    {
        using var file = new TraceFile(PathOf("t.partial"));
        var part = file.AddPart("silo-1");
        using (var other = new TraceFile(part)) other.Add(Ended("kvm.fault"), Silo);
        File.AppendAllText(part, "{\"resourceSpans\":[{\"scopeSp");
        var bounded = file.AddPart("silo-2");
        using (var other = new TraceFile(bounded, bytesMax: 1)) other.Add(Ended("kvm.fault"), Silo);
        file.AddPart("silo-3");
        file.Add(Ended("kvm.op.unmap"), Silo);
        file.Complete(PathOf("t"));
        Assert.Equal(2, File.ReadAllLines(PathOf("t")).Length);
        Assert.Equal((2, 1), (file.Spans, file.Dropped));
        Assert.Null(file.Failure);
        Assert.Equal(["t"], _folder.GetFiles().Select(left => left.Name));
    }

    [Fact]
    public void A_disk_that_is_full_or_a_folder_that_is_gone_fails_nothing_and_is_told()
    {
        using var file = new TraceFile(PathOf("t.partial"));
        file.Add(Ended("kvm.op.unmap"), Silo);
        file.Complete(Path.Combine(_folder.FullName, "nowhere", "t"));
        Assert.NotNull(file.Failure);
    }

    [Fact]
    public void Disposed_of_twice_it_is_disposed_of_once()
    {
        using var file = new TraceFile(PathOf("t.partial"));
        file.Add(Ended("kvm.op.unmap"), Silo);
        file.Dispose();
        file.Dispose();
        file.Complete(PathOf("t"));
        Assert.Equal((1, null), (file.Spans, file.Failure));
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private static Activity Ended(string name)
    {
        var span = new Activity(name);
        span.SetStartTime(new DateTime(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddMicroseconds(1));
        span.Start();
        span.SetTag("number", 7L).SetTag("yes", true).SetTag("text", "a \"b\"\n");
        span.SetEndTime(span.StartTimeUtc.AddMicroseconds(2));
        span.Stop();
        return span;
    }
}
