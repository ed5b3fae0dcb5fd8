using System.Text.Json;
using System.Text.Json.Serialization;

namespace Livebed.Driver.Runs;

/// <summary>
/// The end of a history.jsonl, which has what led to a finding: a finding ends a run. No more is read than so many bytes, and a line that
/// is none (the first may be cut) is left out. A history that cannot be read has no end.
/// </summary>
internal static class HistoryTail
{
    /// <summary>Some 50 000 records.</summary>
    private const int BytesMax = 8 << 20;

    public static IReadOnlyList<HistoryEvent> Of(string path, int bytesMax = BytesMax)
    {
        try
        {
            // No pipe and no device: a history is a file of the run's folder.
            if (!File.Exists(path) || new FileInfo(path) is not { LinkTarget: null, Length: > 0 } file) return [];
            using var stream = file.OpenRead();
            if (!stream.CanSeek) return [];
            stream.Seek(Math.Max(0, file.Length - bytesMax), SeekOrigin.Begin);
            var bytes = new byte[(int)Math.Min(file.Length, bytesMax)];
            return Parse(bytes.AsSpan(0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static List<HistoryEvent> Parse(ReadOnlySpan<byte> text)
    {
        var events = new List<HistoryEvent>();
        foreach (var line in text.Split((byte)'\n'))
            if (EventOf(text[line]) is { } one)
                events.Add(one);
        return events;
    }

    private static HistoryEvent? EventOf(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty) return null;
        try
        {
            return JsonSerializer.Deserialize(line, HistoryEventContext.Default.HistoryEvent);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>A line of history.jsonl, see <see cref="HistoryLine"/>.</summary>
public sealed record HistoryEvent(long Time, string Silo, string Process, string Type, string F, string Op, string? Value)
{
    public bool IsBegin => Type == "invoke";
}

/// <summary>The generated reader of lines.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(HistoryEvent))]
internal sealed partial class HistoryEventContext : JsonSerializerContext;
