using System.Globalization;
using System.Text.Json;
using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Guests;

/// <summary>
/// First line of a recorded trace. Unknown keys are passed over, so that a recorder may say more; a missing or impossible one is an error.
/// </summary>
/// <param name="Name">the program that was recorded</param>
/// <param name="Source">where the recording is from</param>
/// <param name="PageSize">bytes of a page as recorded</param>
/// <param name="Pages">pages are numbered from 0 to Pages - 1</param>
/// <param name="Intervals">lines that follow</param>
public sealed record DirtyPageTraceHeader(string Name, string Source, int PageSize, long Pages, long Intervals)
{
    /// <summary>Pages that were zero when the recording began, as they were counted by reading them; null where they were not
    /// counted.</summary>
    public long? ZeroPages { get; init; }

    /// <summary>Which; null where only their number is known.</summary>
    public IReadOnlyList<HvaRange>? ZeroRuns { get; init; }

    /// <summary>How the writes were seen, as in wp-async; null where the recorder did not say.</summary>
    public string? Backend { get; init; }

    /// <summary>What was recorded: <c>guest</c>, the RAM of a VM, or <c>process</c>, private memory of a process; null where the recorder
    /// did not say.</summary>
    public string? Memory { get; init; }

    /// <summary>When the recording began; null where the recorder did not say.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>How much longer the recorded process's work took for being recorded, as the recorder estimated; null where it did not
    /// say.</summary>
    public double? Slowdown { get; init; }

    public const string OfGuest = "guest";
    public const string OfProcess = "process";
    public const string Format = "dirty-page-trace/1";

    /// <summary>Where it did nothing else.</summary>
    public const int MaxSlowdown = 1_000_000;

    private const string Allowed =
        "line 1 is a JSON object with format (\"dirty-page-trace/1\"), name, source, pageSize, pages and intervals";

    /// <exception cref="TraceFormatException">Not JSON, another format, or a value that is missing or out of range.</exception>
    internal static DirtyPageTraceHeader Parse(string path, ReadOnlyMemory<byte> line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw Bad(path, $"the header is a JSON {Lower(root.ValueKind)}");
            var format = Text(path, root, "format");
            if (format != Format) throw Bad(path, $"the format is '{Shorten(format)}'");
            var pageSize = (int)Integer(path, root, "pageSize", 512, 1 << 30);
            if (!int.IsPow2(pageSize)) throw Bad(path, $"pageSize is {pageSize}", "pageSize is a power of two from 512 to 1073741824");
            var header = new DirtyPageTraceHeader(
                Text(path, root, "name"), Text(path, root, "source"), pageSize,
                Integer(path, root, "pages", 1, DirtyPageTrace.MaxPages), Integer(path, root, "intervals", 1, DirtyPageTrace.MaxIntervals));
            var runs = root.TryGetProperty("zeroRuns", out _) ? RunsOf(path, Text(path, root, "zeroRuns"), header.Pages) : null;
            long? zeroPages = root.TryGetProperty("zeroPages", out _) ? Integer(path, root, "zeroPages", 0, header.Pages) : null;
            if (runs is not null && runs.Sum(run => run.Pages) != zeroPages)
                throw Bad(path, "zeroPages is not the number of pages of zeroRuns", "zeroPages is the sum of zeroRuns");
            return header with
            {
                ZeroPages = zeroPages,
                ZeroRuns = runs,
                Backend = root.TryGetProperty("backend", out _) ? Text(path, root, "backend") : null,
                Memory = root.TryGetProperty("memory", out _) ? MemoryOf(path, root) : null,
                StartedAt = root.TryGetProperty("startedAt", out _) ? TimeOf(path, root) : null,
                Slowdown = root.TryGetProperty("slowdown", out var slowdown) ? SlowdownOf(path, slowdown) : null,
            };
        }
        catch (JsonException exception)
        {
            throw new TraceFormatException(path, 1, $"the header is not JSON (at byte {exception.BytePositionInLine})", Allowed, exception);
        }
        catch (InvalidOperationException exception)
        {
            // Well-formed JSON with an escape of half a surrogate pair fails only when the string is read.
            throw new TraceFormatException(path, 1, "the header holds text that is not Unicode", Allowed, exception);
        }
    }

    private static string Text(string path, JsonElement root, string key)
    {
        if (!root.TryGetProperty(key, out var value)) throw Bad(path, $"{key} is missing from the header");
        if (value.ValueKind != JsonValueKind.String)
            throw Bad(path, $"{key} is a JSON {Lower(value.ValueKind)}", $"{key} is text in quotes");
        return value.GetString()!;
    }

    private static string MemoryOf(string path, JsonElement root)
    {
        var memory = Text(path, root, "memory");
        return memory is OfGuest or OfProcess
            ? memory
            : throw Bad(path, $"memory is '{Shorten(memory)}'", $"memory is {OfGuest} or {OfProcess}");
    }

    private static DateTimeOffset TimeOf(string path, JsonElement root) =>
        DateTimeOffset.TryParse(
            Text(path, root, "startedAt"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw Bad(
                path, $"startedAt is '{Shorten(Text(path, root, "startedAt"))}'", "startedAt is a time, as in 2026-01-31T10:00:00Z");

    private static double SlowdownOf(string path, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var slowdown) && slowdown is >= 0 and <= MaxSlowdown
            ? slowdown
            : throw Bad(path, $"slowdown is {Shorten(value.GetRawText())}", $"slowdown is a number from 0 to {MaxSlowdown}");

    /// <summary>Runs as an interval has them, ascending and apart.</summary>
    private static List<HvaRange> RunsOf(string path, string text, long pages)
    {
        var (runs, end) = (new List<HvaRange>(), 0L);
        foreach (var item in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = item.Split('+');
            var count = 1L;
            var first = 0L;
            var isRun = parts.Length <= 2 && TryNumber(parts[0], out first) && (parts.Length == 1 || TryNumber(parts[1], out count))
                && first >= end && count >= 1 && count <= pages && first <= pages - count;
            if (!isRun)
                throw Bad(
                    path, $"zeroRuns holds '{Shorten(item)}'",
                    "zeroRuns is page or page+count, ascending and below pages, with a space between");
            runs.Add(new HvaRange(new Hva(first), count));
            end = runs[^1].End.Value;
        }

        return runs;
    }

    private static bool TryNumber(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static long Integer(string path, JsonElement root, string key, long least, long most)
    {
        if (!root.TryGetProperty(key, out var value)) throw Bad(path, $"{key} is missing from the header");
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= least && number <= most)
            return number;
        throw Bad(path, $"{key} is {Shorten(value.GetRawText())}", $"{key} is an integer from {least} to {most}");
    }

    private static TraceFormatException Bad(string path, string wrong, string allowed = Allowed) => new(path, 1, wrong, allowed);

    private static string Lower(JsonValueKind kind) => kind.ToString().ToLowerInvariant();

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "...";
}
