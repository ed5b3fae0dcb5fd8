using System.Globalization;
using Google.Protobuf;

namespace Livebed.Collector;

/// <summary>A span as it came over the wire, read by the field numbers of opentelemetry/proto/trace/v1/trace.proto.</summary>
public sealed record ReceivedSpan(
    string TraceId, string SpanId, string ParentId, string Name, string Service, string Instance,
    IReadOnlyDictionary<string, string> Attributes, IReadOnlyList<string> Links)
{
    /// <summary>A header of the request that it came with.</summary>
    public string Tenant { get; init; } = "";

    public static IEnumerable<ReceivedSpan> In(ReadOnlyMemory<byte> request)
    {
        foreach (var resourceSpans in Fields(request, 1))
        {
            var resource = Fields(resourceSpans, 1).SelectMany(message => Attributed(message, 1)).ToDictionary();
            foreach (var span in Fields(resourceSpans, 2).SelectMany(scope => Fields(scope, 2)))
                yield return From(span, resource);
        }
    }

    private static ReceivedSpan From(ReadOnlyMemory<byte> span, Dictionary<string, string> resource) => new(
        Hex(Fields(span, 1)), Hex(Fields(span, 2)), Hex(Fields(span, 4)), Text(Fields(span, 5).Single()), resource["service.name"],
        resource["service.instance.id"], Attributed(span, 9).ToDictionary(), [.. Fields(span, 13).Select(link => Hex(Fields(link, 2)))]);

    private static IEnumerable<KeyValuePair<string, string>> Attributed(ReadOnlyMemory<byte> message, int field) =>
        Fields(message, field).Select(pair => new KeyValuePair<string, string>(
            Text(Fields(pair, 1).Single()), string.Join("", Fields(pair, 2).Select(Value))));

    /// <summary>An AnyValue that is no list, as text.</summary>
    private static string Value(ReadOnlyMemory<byte> message)
    {
        using var input = new CodedInputStream(message.ToArray());
        var tag = input.ReadTag();
        return WireFormat.GetTagFieldNumber(tag) switch
        {
            1 => input.ReadString(),
            2 => input.ReadBool() ? "true" : "false",
            3 => input.ReadInt64().ToString(CultureInfo.InvariantCulture),
            4 => input.ReadDouble().ToString(CultureInfo.InvariantCulture),
            _ => "",
        };
    }

    private static string Text(ReadOnlyMemory<byte> bytes) => System.Text.Encoding.UTF8.GetString(bytes.Span);

    private static string Hex(IEnumerable<ReadOnlyMemory<byte>> bytes) =>
        Convert.ToHexStringLower(bytes.FirstOrDefault().Span);

    /// <summary>The fields of one number that are bytes, text or messages.</summary>
    private static List<ReadOnlyMemory<byte>> Fields(ReadOnlyMemory<byte> message, int number)
    {
        var fields = new List<ReadOnlyMemory<byte>>();
        using var input = new CodedInputStream(message.ToArray());
        for (uint tag; (tag = input.ReadTag()) != 0;)
        {
            if (WireFormat.GetTagFieldNumber(tag) == number && WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
                fields.Add(input.ReadBytes().Memory);
            else
                input.SkipLastField();
        }

        return fields;
    }
}
