using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Runs;

/// <summary>
/// The spelling of history.jsonl: one JSON object a line. Its keys are <c>index</c>, <c>time</c>, <c>silo</c>, <c>process</c>, <c>type</c>,
/// <c>f</c>, <c>op</c>, <c>value</c> and <c>warmup</c>. <c>op</c> is "origin.count", as JSON numbers are too small for it.
/// </summary>
internal static class HistoryLine
{
    private static readonly JsonWriterOptions _options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };
    private static readonly string[] _types = [.. Enum.GetValues<HistoryType>().Select(KebabCase.Of)];

    public static Utf8JsonWriter Writer(IBufferWriter<byte> output) => new(output, _options);

    public static void Write(Utf8JsonWriter json, long index, in HistoryRecord record, bool isWarmUp)
    {
        json.WriteStartObject();
        json.WriteNumber("index"u8, index);
        json.WriteNumber("time"u8, record.Time);
        json.WriteString("silo"u8, record.Silo);
        json.WriteString("process"u8, record.Process);
        json.WriteString("type"u8, _types[(int)record.Type]);
        json.WriteString("f"u8, record.Kind.Name);
        WriteOp(json, record);
        json.WriteString("value"u8, record.Value);
        json.WriteBoolean("warmup"u8, isWarmUp);
        json.WriteEndObject();
        json.Flush();
        json.Reset();
    }

    private static void WriteOp(Utf8JsonWriter json, in HistoryRecord record)
    {
        Span<byte> op = stackalloc byte[48];
        Utf8.TryWrite(op, CultureInfo.InvariantCulture, $"{record.Op.Origin}.{record.Op.Count}", out var length);
        json.WriteString("op"u8, op[..length]);
    }
}
