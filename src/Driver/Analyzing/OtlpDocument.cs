using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Analyzing;

/// <summary>
/// One value of a trace file or of an answer: an OTLP export request (a line of the file exporter), the same inside of "result" as Jaeger's
/// /api/v3/traces answers, or "data" with Jaeger's own traces as the older /api/traces does. Fields that are not looked at are skipped.
/// </summary>
internal sealed class OtlpDocument
{
    public OtlpResourceSpans[]? ResourceSpans { get; init; }
    public OtlpDocument? Result { get; init; }
    public JaegerTrace[]? Data { get; init; }

    /// <summary>False for JSON that is something else.</summary>
    public bool IsTraces => ResourceSpans is not null || Data is not null || Result?.IsTraces == true;

    /// <exception cref="JsonException">A span has no ids or no times.</exception>
    public IEnumerable<SpanRecord> Spans() =>
        (Result?.Spans() ?? [])
        .Concat(Given(ResourceSpans).SelectMany(resource => resource.Spans()))
        .Concat(Given(Data).SelectMany(trace => trace.Read()));

    /// <summary>A list without what is null in it.</summary>
    public static IEnumerable<T> Given<T>(T?[]? list) where T : class => (list ?? []).OfType<T>();
}

internal sealed class OtlpResourceSpans
{
    public OtlpResource? Resource { get; init; }
    public OtlpScopeSpans[]? ScopeSpans { get; init; }

    public IEnumerable<SpanRecord> Spans()
    {
        var attributes = new AttributeSet(Resource?.Attributes);
        var instance = attributes.Text("service.instance.id") ?? attributes.Text("service.name") ?? "unknown";
        return from scope in OtlpDocument.Given(ScopeSpans) from span in OtlpDocument.Given(scope.Spans) select span.Read(instance);
    }
}

internal sealed class OtlpResource
{
    [JsonConverter(typeof(OtlpAttributes))]
    public KeyValuePair<string, object>[]? Attributes { get; init; }
}

internal sealed class OtlpScopeSpans
{
    public OtlpSpan[]? Spans { get; init; }
}

internal sealed class OtlpSpan
{
    public string? TraceId { get; init; }
    public string? SpanId { get; init; }
    public string? ParentSpanId { get; init; }
    public string? Name { get; init; }
    public string? StartTimeUnixNano { get; init; }
    public string? EndTimeUnixNano { get; init; }

    [JsonConverter(typeof(OtlpAttributes))]
    public KeyValuePair<string, object>[]? Attributes { get; init; }

    public OtlpLink[]? Links { get; init; }
    public OtlpEvent[]? Events { get; init; }

    public SpanRecord Read(string instance)
    {
        if (TraceId is not { Length: > 0 } || SpanId is not { Length: > 0 }) throw new JsonException("a span has no traceId or no spanId");
        return new SpanRecord
        {
            TraceId = TraceId,
            SpanId = SpanId,
            ParentId = ParentSpanId is { Length: > 0 } ? ParentSpanId : null,
            Name = Name ?? "",
            Start = Microseconds(StartTimeUnixNano),
            End = Microseconds(EndTimeUnixNano),
            Instance = instance,
            Attributes = new AttributeSet(Attributes),
            LinkedSpans = Links is { Length: > 0 } ? [.. OtlpDocument.Given(Links).Select(link => link.SpanId ?? "")] : [],
            Events = Events is { Length: > 0 }
                ? [.. OtlpDocument.Given(Events).Select(entry => new SpanEvent(entry.Name ?? "", new AttributeSet(entry.Attributes)))]
                : [],
        };
    }

    private static double Microseconds(string? nanoseconds) =>
        long.TryParse(nanoseconds, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            // In two parts: as a whole the number has more digits than a double.
            ? number / 1_000 + number % 1_000 / 1e3
            : throw new JsonException($"'{OneLine.Of(nanoseconds ?? "")}' is no time in nanoseconds");
}

internal sealed class OtlpLink
{
    public string? SpanId { get; init; }
}

internal sealed class OtlpEvent
{
    public string? Name { get; init; }

    [JsonConverter(typeof(OtlpAttributes))]
    public KeyValuePair<string, object>[]? Attributes { get; init; }
}

/// <summary>A trace in Jaeger's own JSON: ids in hexadecimal, times in microseconds, parents and links as references.</summary>
internal sealed class JaegerTrace
{
    public JaegerSpan[]? Spans { get; init; }
    public Dictionary<string, JaegerProcess>? Processes { get; init; }

    public IEnumerable<SpanRecord> Read() => OtlpDocument.Given(Spans).Select(span => span.Read(
        span.ProcessID is { } id && Processes?.GetValueOrDefault(id) is { } process ? process.Instance : "unknown"));
}

internal sealed class JaegerSpan
{
    public string? TraceID { get; init; }
    public string? SpanID { get; init; }
    public string? OperationName { get; init; }
    public JaegerReference[]? References { get; init; }
    public double StartTime { get; init; }
    public double Duration { get; init; }
    public JaegerTag[]? Tags { get; init; }
    public JaegerLog[]? Logs { get; init; }
    public string? ProcessID { get; init; }

    public SpanRecord Read(string instance)
    {
        if (TraceID is not { Length: > 0 } || SpanID is not { Length: > 0 }) throw new JsonException("a span has no traceID or no spanID");
        var references = OtlpDocument.Given(References).ToList();
        var parent = references.FirstOrDefault(reference => reference.RefType == "CHILD_OF" && reference.TraceID == TraceID);
        return new SpanRecord
        {
            TraceId = TraceID,
            SpanId = SpanID,
            ParentId = parent?.SpanID,
            Name = OperationName ?? "",
            Start = StartTime,
            End = StartTime + Duration,
            Instance = instance,
            Attributes = JaegerTag.Set(Tags),
            LinkedSpans = [.. references.Where(reference => reference != parent).Select(reference => reference.SpanID ?? "")],
            Events = [.. OtlpDocument.Given(Logs).Select(log => log.Read())],
        };
    }
}

internal sealed record JaegerReference(string? RefType, string? TraceID, string? SpanID);

internal sealed record JaegerLog(JaegerTag[]? Fields)
{
    private const string NameField = "event";

    public SpanEvent Read()
    {
        var attributes = JaegerTag.Set(Fields);
        return new SpanEvent(attributes.Text(NameField) ?? attributes.Text("name") ?? "", attributes);
    }
}

internal sealed record JaegerProcess(string? ServiceName, JaegerTag[]? Tags)
{
    public string Instance => JaegerTag.Set(Tags).Text("service.instance.id") ?? ServiceName ?? "unknown";
}

internal sealed record JaegerTag(string? Key, JsonElement Value)
{
    public static AttributeSet Set(JaegerTag[]? tags) => new([
        .. OtlpDocument.Given(tags).Select(tag => new KeyValuePair<string, object>(tag.Key ?? "", tag.Value.ValueKind switch
        {
            JsonValueKind.Number => tag.Value.GetDouble(),
            JsonValueKind.String => tag.Value.GetString()!,
            _ => tag.Value.ToString(),
        })),
    ]);
}

/// <summary>OTLP's list of keys and values. Names come again in every span, so each is one string.</summary>
internal sealed class OtlpAttributes : JsonConverter<KeyValuePair<string, object>[]?>
{
    private const int NamesMax = 4_096;
    private const int NameLengthMax = 64;

    [ThreadStatic]
    private static Dictionary<int, string>? _names;

    public override KeyValuePair<string, object>[]? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType != JsonTokenType.StartArray) throw new JsonException("attributes are no list");
        var entries = new List<KeyValuePair<string, object>>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("an attribute is no object");
            var (name, value) = ("", (object?)null);
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                var isKey = reader.ValueTextEquals("key"u8);
                var isValue = reader.ValueTextEquals("value"u8);
                reader.Read();
                if (isKey) name = Name(ref reader);
                else if (isValue) value = Value(ref reader);
                else reader.Skip();
            }

            if (value is not null) entries.Add(new(name, value));
        }

        return [.. entries];
    }

    public override void Write(Utf8JsonWriter writer, KeyValuePair<string, object>[]? value, JsonSerializerOptions options) =>
        throw new NotSupportedException("traces are only read");

    private static string Name(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String) throw new JsonException("an attribute's key is no text");
        if (reader.HasValueSequence || reader.ValueIsEscaped || reader.ValueSpan.Length > NameLengthMax) return reader.GetString()!;
        var hash = new HashCode();
        hash.AddBytes(reader.ValueSpan);
        var code = hash.ToHashCode();
        _names ??= [];
        if (_names.TryGetValue(code, out var known) && reader.ValueTextEquals(known)) return known;
        var name = reader.GetString()!;
        if (_names.Count < NamesMax) _names[code] = name;
        return name;
    }

    /// <summary>Lists and maps are no attributes of ours: as their JSON they would only be in the way.</summary>
    private static object? Value(ref Utf8JsonReader reader)
    {
        object? value = null;
        if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("an attribute's value is no object");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var isWhole = reader.ValueTextEquals("intValue"u8);
            reader.Read();
            value = reader.TokenType switch
            {
                JsonTokenType.String when isWhole =>
                    long.TryParse(reader.GetString(), CultureInfo.InvariantCulture, out var whole)
                        ? whole
                        : throw new JsonException("an intValue is no number"),
                JsonTokenType.String => reader.GetString(),
                JsonTokenType.Number => isWhole && reader.TryGetInt64(out var whole) ? whole : reader.GetDouble(),
                JsonTokenType.True => "true",
                JsonTokenType.False => "false",
                _ => value,
            };
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray) reader.Skip();
        }

        return value;
    }
}

/// <summary>The generated reader of trace documents.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(OtlpDocument))]
internal sealed partial class OtlpJsonContext : JsonSerializerContext;
