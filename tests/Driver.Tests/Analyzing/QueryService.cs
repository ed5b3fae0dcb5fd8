using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Livebed.Driver.Tests.Analyzing;

/// <summary>
/// A double of Jaeger's query service that replays stored spans: the newer address, or only the older one. As Jaeger does, it answers with
/// whole traces, those in which the service that is asked for took part. The older address knows microseconds only.
/// </summary>
internal sealed class QueryService : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Task _serving;
    private readonly bool _isNew;
    private readonly ILookup<string, StoredSpan> _traces;

    /// <param name="isNew">serves /api/v3/traces</param>
    /// <param name="lines">OTLP export requests in JSON</param>
    public QueryService(bool isNew, IEnumerable<string> lines)
    {
        _isNew = isNew;
        _traces = lines.SelectMany(StoredSpan.In).ToLookup(span => span.TraceId);
        Url = $"http://127.0.0.1:{Grains.Hosting.SiloPorts.FindFree(1)[0].Silo}/jaeger";
        _listener.Prefixes.Add(Url + "/");
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Url { get; }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
    }

    /// <summary>A line with its times cut to what the older address can say.</summary>
    public static string InMicroseconds(string line)
    {
        var request = JsonNode.Parse(line)!;
        foreach (var span in StoredSpan.NodesOf(request).Select(entry => entry.Span))
        {
            var (start, duration) = StoredSpan.MicrosecondsOf(span);
            span["startTimeUnixNano"] = StoredSpan.Text(start * 1_000);
            span["endTimeUnixNano"] = StoredSpan.Text((start + duration) * 1_000);
        }

        return request.ToJsonString();
    }

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext request;
            try
            {
                request = await _listener.GetContextAsync();
            }
            catch (Exception failure) when (failure is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            var query = request.Request.QueryString;
            var answer = request.Request.Url!.AbsolutePath switch
            {
                "/jaeger/api/v3/traces" when _isNew && query["query.service_name"] is { } service
                    && query["query.start_time_min"] is not null && query["query.start_time_max"] is not null =>
                    new JsonObject { ["result"] = Otlp(service) },
                "/jaeger/api/traces" when query["service"] is { } service =>
                    new JsonObject { ["data"] = new JsonArray([.. Of(service).Select(Jaeger)]), ["total"] = 0, ["errors"] = null },
                _ => null,
            };
            if (answer is null) request.Response.StatusCode = 404;
            else await request.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(answer.ToJsonString()));
            request.Response.Close();
        }
    }

    private IEnumerable<IGrouping<string, StoredSpan>> Of(string service) =>
        _traces.Where(trace => trace.Any(span => span.Service == service));

    private JsonObject Otlp(string service) => new()
    {
        ["resourceSpans"] = new JsonArray([.. Of(service).SelectMany(trace => trace).Select(span => new JsonObject
        {
            ["resource"] = span.Resource.DeepClone(),
            ["scopeSpans"] = new JsonArray(new JsonObject { ["spans"] = new JsonArray(span.Span.DeepClone()) }),
        })]),
    };

    private static JsonObject Jaeger(IGrouping<string, StoredSpan> trace)
    {
        var processes = trace.DistinctBy(span => span.Instance).ToList();
        return new()
        {
            ["traceID"] = trace.Key,
            ["spans"] = new JsonArray([.. trace.Select(
                span => span.Jaeger($"p{processes.FindIndex(process => process.Instance == span.Instance)}"))]),
            ["processes"] = new JsonObject(processes.Select((process, i) => KeyValuePair.Create<string, JsonNode?>($"p{i}", new JsonObject
            {
                ["serviceName"] = process.Service,
                ["tags"] = StoredSpan.Tags(process.Resource["attributes"]),
            }))),
        };
    }
}

/// <summary>A span with its resource, as OTLP has them.</summary>
internal sealed record StoredSpan(JsonNode Resource, JsonNode Span)
{
    public string TraceId => (string)Span["traceId"]!;
    public string Service => Named("service.name");
    public string Instance => Named("service.instance.id");
    public string Name => (string)Span["name"]!;

    /// <summary>As text, whatever its type; null where it is not there.</summary>
    public string? Attribute(string name) => Given(Span["attributes"]).FirstOrDefault(entry => (string)entry["key"]! == name)?["value"]!
        .AsObject().Single().Value!.ToString();

    public static IEnumerable<StoredSpan> In(string line) => NodesOf(JsonNode.Parse(line)!);

    public static IEnumerable<StoredSpan> NodesOf(JsonNode request) =>
        from resource in request["resourceSpans"]!.AsArray()
        from scope in resource!["scopeSpans"]!.AsArray()
        from span in scope!["spans"]!.AsArray()
        select new StoredSpan(resource["resource"]!, span!);

    public static (long Start, long Duration) MicrosecondsOf(JsonNode span)
    {
        var (start, end) = (Number(span["startTimeUnixNano"]), Number(span["endTimeUnixNano"]));
        return (start / 1_000, (end - start) / 1_000);
    }

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>In the form of /api/traces.</summary>
    public JsonObject Jaeger(string process)
    {
        var (start, duration) = MicrosecondsOf(Span);
        return new()
        {
            ["traceID"] = TraceId,
            ["spanID"] = (string)Span["spanId"]!,
            ["operationName"] = (string)Span["name"]!,
            ["processID"] = process,
            ["startTime"] = start,
            ["duration"] = duration,
            ["references"] = new JsonArray([.. References()]),
            ["tags"] = Tags(Span["attributes"]),
            ["logs"] = new JsonArray([.. Given(Span["events"]).Select(Log)]),
        };
    }

    public static JsonArray Tags(JsonNode? attributes) => new([.. Given(attributes).Select(entry =>
    {
        var (kind, value) = entry["value"]!.AsObject().Single();
        return kind switch
        {
            "intValue" => Tag(entry, "int64", JsonValue.Create(Number(value))),
            "doubleValue" => Tag(entry, "float64", value!.DeepClone()),
            "boolValue" => Tag(entry, "bool", value!.DeepClone()),
            _ => Tag(entry, "string", value!.DeepClone()),
        };
    })]);

    private IEnumerable<JsonNode> References()
    {
        if ((string?)Span["parentSpanId"] is { Length: > 0 } parent) yield return Reference("CHILD_OF", TraceId, parent);
        foreach (var link in Given(Span["links"]))
            yield return Reference("FOLLOWS_FROM", (string)link["traceId"]!, (string)link["spanId"]!);
    }

    private string Named(string key) => (string)Given(Resource["attributes"]).Single(entry => (string)entry["key"]! == key)["value"]!
        ["stringValue"]!;

    private static JsonObject Reference(string kind, string trace, string span) =>
        new() { ["refType"] = kind, ["traceID"] = trace, ["spanID"] = span };

    private static JsonObject Tag(JsonNode entry, string type, JsonNode value) =>
        new() { ["key"] = (string)entry["key"]!, ["type"] = type, ["value"] = value };

    private static JsonObject Log(JsonNode entry)
    {
        var fields = Tags(entry["attributes"]);
        fields.Insert(0, new JsonObject { ["key"] = "event", ["type"] = "string", ["value"] = (string)entry["name"]! });
        return new() { ["timestamp"] = 1, ["fields"] = fields };
    }

    private static IEnumerable<JsonNode> Given(JsonNode? list) => (list?.AsArray() ?? []).OfType<JsonNode>();

    private static long Number(JsonNode? value) => long.Parse((string)value!, CultureInfo.InvariantCulture);
}
