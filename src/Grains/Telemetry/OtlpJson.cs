using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Spans as a line of OTLP in JSON: an ExportTraceServiceRequest in protobuf's JSON mapping, except that ids are hexadecimal, as the OTLP
/// specification has it. OpenTelemetry for .NET writes protobuf only. Confined to its writer.
/// </summary>
internal sealed class OtlpJson : IDisposable
{
    private static readonly byte[] StartTime = "\"startTimeUnixNano\""u8.ToArray();
    private readonly ArrayBufferWriter<byte> _bytes = new(1 << 16);
    private readonly Utf8JsonWriter _json;

    public OtlpJson() => _json = new Utf8JsonWriter(_bytes, new JsonWriterOptions
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    });

    public void Dispose() => _json.Dispose();

    /// <summary>The line with its end; valid until the next call.</summary>
    public ReadOnlySpan<byte> Line(IReadOnlyList<(Activity Span, SpanOrigin Origin)> spans)
    {
        _bytes.ResetWrittenCount();
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteStartArray("resourceSpans"u8);
        foreach (var resource in spans.GroupBy(entry => entry.Origin)) Resource(resource.Key, resource.Select(entry => entry.Span));
        _json.WriteEndArray();
        _json.WriteEndObject();
        _json.Flush();
        _bytes.Write("\n"u8);
        return _bytes.WrittenSpan;
    }

    /// <summary>Spans in a line as <see cref="Line"/> writes it: each has one start.</summary>
    public static int CountSpans(ReadOnlySpan<byte> line)
    {
        var count = 0;
        for (int at; (at = line.IndexOf(StartTime)) >= 0; line = line[(at + StartTime.Length)..]) count++;
        return count;
    }

    private void Resource(SpanOrigin origin, IEnumerable<Activity> spans)
    {
        _json.WriteStartObject();
        _json.WriteStartObject("resource"u8);
        _json.WriteStartArray("attributes"u8);
        Attribute("service.name", origin.Service);
        Attribute("service.instance.id", origin.Instance);
        Attribute(AttributeNames.Seed, origin.Seed);
        _json.WriteEndArray();
        _json.WriteEndObject();
        _json.WriteStartArray("scopeSpans"u8);
        foreach (var scope in spans.GroupBy(span => span.Source.Name))
        {
            _json.WriteStartObject();
            _json.WriteStartObject("scope"u8);
            _json.WriteString("name"u8, scope.Key);
            _json.WriteEndObject();
            _json.WriteStartArray("spans"u8);
            foreach (var span in scope) Span(span);
            _json.WriteEndArray();
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
        _json.WriteEndObject();
    }

    private void Span(Activity span)
    {
        _json.WriteStartObject();
        Ids(span.Context);
        if (span.ParentSpanId != default) _json.WriteString("parentSpanId"u8, span.ParentSpanId.ToHexString());
        _json.WriteNumber("flags"u8, (int)span.ActivityTraceFlags);
        _json.WriteString("name"u8, span.DisplayName);
        // The protocol counts from "internal" = 1, the platform from 0.
        _json.WriteNumber("kind"u8, (int)span.Kind + 1);
        Time("startTimeUnixNano"u8, span.StartTimeUtc);
        Time("endTimeUnixNano"u8, span.StartTimeUtc + span.Duration);
        _json.WriteStartArray("attributes"u8);
        foreach (var (name, value) in span.EnumerateTagObjects()) Attribute(name, value);
        _json.WriteEndArray();
        Events(span);
        Links(span);
        if (span.Status != ActivityStatusCode.Unset)
        {
            _json.WriteStartObject("status"u8);
            if (span.StatusDescription is { } message) _json.WriteString("message"u8, message);
            _json.WriteNumber("code"u8, (int)span.Status);
            _json.WriteEndObject();
        }

        _json.WriteEndObject();
    }

    private void Events(Activity span)
    {
        var any = false;
        foreach (var entry in span.EnumerateEvents())
        {
            if (!any) _json.WriteStartArray("events"u8);
            any = true;
            _json.WriteStartObject();
            Time("timeUnixNano"u8, entry.Timestamp.UtcDateTime);
            _json.WriteString("name"u8, entry.Name);
            _json.WriteStartArray("attributes"u8);
            foreach (var (name, value) in entry.Tags) Attribute(name, value);
            _json.WriteEndArray();
            _json.WriteEndObject();
        }

        if (any) _json.WriteEndArray();
    }

    private void Links(Activity span)
    {
        var any = false;
        foreach (var link in span.EnumerateLinks())
        {
            if (!any) _json.WriteStartArray("links"u8);
            any = true;
            _json.WriteStartObject();
            Ids(link.Context);
            _json.WriteStartArray("attributes"u8);
            foreach (var (name, value) in link.EnumerateTagObjects()) Attribute(name, value);
            _json.WriteEndArray();
            _json.WriteEndObject();
        }

        if (any) _json.WriteEndArray();
    }

    private void Ids(ActivityContext context)
    {
        _json.WriteString("traceId"u8, context.TraceId.ToHexString());
        _json.WriteString("spanId"u8, context.SpanId.ToHexString());
    }

    /// <summary>64-bit numbers are strings in protobuf's JSON.</summary>
    private void Time(ReadOnlySpan<byte> name, DateTime utc)
    {
        Span<char> digits = stackalloc char[20];
        ((utc.Ticks - DateTime.UnixEpoch.Ticks) * 100).TryFormat(digits, out var length, default, CultureInfo.InvariantCulture);
        _json.WriteString(name, digits[..length]);
    }

    private void Attribute(string name, object? value)
    {
        if (value is null) return;
        _json.WriteStartObject();
        _json.WriteString("key"u8, name);
        _json.WriteStartObject("value"u8);
        switch (value)
        {
            case bool yes:
                _json.WriteBoolean("boolValue"u8, yes);
                break;
            case double or float:
                _json.WriteNumber("doubleValue"u8, Convert.ToDouble(value, CultureInfo.InvariantCulture));
                break;
            case long or int or short or byte or uint or ushort or sbyte:
                _json.WriteString("intValue"u8, Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
            default:
                _json.WriteString("stringValue"u8, Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }

        _json.WriteEndObject();
        _json.WriteEndObject();
    }
}
