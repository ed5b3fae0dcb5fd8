using System.Globalization;
using System.Text;
using System.Text.Json;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Explaining;

/// <summary>
/// Replies of QMP's <c>query-migrate</c>, one after the other, each on a line or on several; whole messages with <c>return</c> or what
/// stands in it. Other messages, such as events, are passed over. The time is <c>total-time</c>; a completed migration may have 0 there for
/// a moment, and such a reply counts for its status alone.
/// </summary>
internal static class QueryMigrateLog
{
    public static MeasuredMigration Read(string name, string text)
    {
        var (moments, status, downtime) = (new List<LogMoment>(), (string?)null, (double?)null);
        var utf8 = Encoding.UTF8.GetBytes(text);
        var options = new JsonReaderOptions { AllowMultipleValues = true, CommentHandling = JsonCommentHandling.Skip };
        var reader = new Utf8JsonReader(utf8, options);
        try
        {
            while (reader.Read())
            {
                using var document = JsonDocument.ParseValue(ref reader);
                foreach (var reply in RepliesOf(document.RootElement))
                {
                    status = TextOf(reply, "status") ?? status;
                    downtime = NumberOf(reply, "downtime") ?? downtime;
                    if (MomentOf(reply) is { } moment && moments.Count <= MigrationLog.MomentsMax) moments.Add(moment);
                }
            }
        }
        catch (JsonException exception)
        {
            throw MigrationLog.Bad(name, LineOf(utf8, reader.TokenStartIndex), $"is not JSON ({exception.GetType().Name})");
        }
        catch (InvalidOperationException)
        {
            throw MigrationLog.Bad(name, LineOf(utf8, reader.TokenStartIndex), "holds text that is not Unicode");
        }

        return new MeasuredMigration(
            moments, string.Create(CultureInfo.InvariantCulture, $"{moments.Count} replies of query-migrate"), status,
            status == "completed" ? downtime : null, ThresholdBytes: null);
    }

    /// <summary>A message, what is in it, or an array of either.</summary>
    private static IEnumerable<JsonElement> RepliesOf(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Array) return element.EnumerateArray().SelectMany(RepliesOf);
        if (element.ValueKind != JsonValueKind.Object) return [];
        if (element.TryGetProperty("return", out var inside)) return RepliesOf(inside);
        return element.TryGetProperty("status", out _) ? [element] : [];
    }

    private static LogMoment? MomentOf(JsonElement reply)
    {
        if (!reply.TryGetProperty("ram", out var ram) || ram.ValueKind != JsonValueKind.Object) return null;
        if (NumberOf(reply, "total-time") is not { } time) return null;
        var isOver = TextOf(reply, "status") == "completed";
        if (isOver && time == 0) return null;
        return new LogMoment(
            time, (int?)NumberOf(ram, "dirty-sync-count"), (long?)NumberOf(ram, "transferred"), (long?)NumberOf(ram, "remaining"),
            (long?)NumberOf(ram, "duplicate"), isOver ? null : NumberOf(ram, "dirty-pages-rate"),
            (int?)NumberOf(reply, "cpu-throttle-percentage"));
    }

    private static string? TextOf(JsonElement element, string key) =>
        element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static double? NumberOf(JsonElement element, string key) =>
        element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number)
            && number is >= 0 and <= 1e15
            ? number
            : null;

    private static int LineOf(byte[] utf8, long offset) => 1 + utf8.AsSpan(0, (int)Math.Min(offset, utf8.Length)).Count((byte)'\n');
}
