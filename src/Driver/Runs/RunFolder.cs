using System.Globalization;
using System.Text;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Runs;

/// <summary>
/// The folder of one run, <c>runs/&lt;time&gt;-&lt;name&gt;/</c>. Every file is written under a temporary name and renamed, so a file with
/// its proper name is whole. <see cref="Create"/> checks first whether the folder can be written.
/// </summary>
public sealed class RunFolder : IDisposable
{
    public const string CampaignFile = "campaign.yaml";
    public const string ResultsFile = "results.json";
    public const string HistoryFile = "history.jsonl";
    public const string ReportFile = "report.html";
    public const string ChartsFile = "charts.json";
    public const string TracesFile = "traces.otlp.jsonl";

    /// <summary>Runs of one name that begin in the same second; beyond that something is wrong.</summary>
    private const int SameSecondMax = 100;

    private readonly string? _createdParent;

    private RunFolder(string path, string? createdParent, long historyRecordsMax, long traceBytesMax)
    {
        FullPath = path;
        _createdParent = createdParent;
        History = new HistoryWriter(Path.Combine(path, HistoryFile), historyRecordsMax);
        try
        {
            Traces = new TraceFile(HistoryWriter.PartialPath(Path.Combine(path, TracesFile)), traceBytesMax);
        }
        catch
        {
            History.Dispose();
            throw;
        }
    }

    public string FullPath { get; }

    public HistoryWriter History { get; }

    /// <summary>The spans of every process of the run.</summary>
    public TraceFile Traces { get; }

    /// <summary>What the bounds of the history and of the traces kept out, and which of them could not be written.</summary>
    public IReadOnlyList<LimitHit> LimitsHit
    {
        get
        {
            var hits = new List<LimitHit>(History.LimitsHit);
            var end = FormattableString.Invariant($"{TracesFile} has at most {Traces.BytesMax >> 20} MiB (limits.traceBytes), ")
                + "or spans came too fast for it; the others were dropped";
            if (Traces.Dropped > 0) hits.Add(new("traceBytes", Traces.Dropped, end));
            if (Traces.Missing is { Count: > 0 } missing)
                hits.Add(new(
                    "traceParts", missing.Count, $"{TracesFile} lacks spans of {OneLine.Of(string.Join(", ", missing))}"));
            if (Traces.Failure is { } failure)
                hits.Add(new("traceFile", 1, $"{TracesFile} could not be written to its end: {OneLine.Of(failure)}"));
            return hits;
        }
    }

    /// <summary>Writes what still waits for the history and the traces, and gives both their names. Again: nothing.</summary>
    /// <param name="last">makes the last record of the history; null for none</param>
    public void Complete(Func<HistoryEnd, HistoryFact>? last = null)
    {
        History.Complete(last);
        Traces.Complete(PathOf(TracesFile));
    }

    /// <summary>Makes a new folder below <paramref name="parent"/>; throws <see cref="UsageException"/> when that cannot be.</summary>
    public static RunFolder Create(
        string parent, DateTimeOffset time, string name, long historyRecordsMax, long traceBytesMax = TraceFile.DefaultBytesMax)
    {
        var createdParent = Directory.Exists(parent) ? null : parent;
        var stem = $"{time.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}-{Slug(name)}";
        try
        {
            Directory.CreateDirectory(parent);
            for (var i = 1; i <= SameSecondMax; i++)
            {
                var path = Path.GetFullPath(Path.Combine(parent, i == 1 ? stem : $"{stem}-{i}"));
                if (Path.Exists(path)) continue;
                Directory.CreateDirectory(path);
                if (Open(path, createdParent, historyRecordsMax, traceBytesMax) is { } folder) return folder;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException(
                $"--out {parent}: the folder cannot be written ({e.Message}); allowed: a folder that can be created or written to");
        }

        throw new UsageException($"--out {parent}: {SameSecondMax} runs named {stem} exist; allowed: another folder");
    }

    public string PathOf(string file) => Path.Combine(FullPath, file);

    /// <summary>Writes a whole file; a reader sees it complete or not at all.</summary>
    public void Write(string file, string content) => WholeFile.Write(PathOf(file), content);

    /// <summary>Removes the folder: the run never began.</summary>
    public void Discard()
    {
        Dispose();
        if (Directory.Exists(FullPath)) Directory.Delete(FullPath, recursive: true);
        if (_createdParent is not null && Directory.Exists(_createdParent) && !Directory.EnumerateFileSystemEntries(_createdParent).Any())
            Directory.Delete(_createdParent);
    }

    public void Dispose()
    {
        History.Dispose();
        Traces.Dispose();
    }

    /// <summary>Null when another run made the folder at the same time: the history's file is the first one's.</summary>
    private static RunFolder? Open(string path, string? createdParent, long historyRecordsMax, long traceBytesMax)
    {
        try
        {
            return new(path, createdParent, historyRecordsMax, traceBytesMax);
        }
        catch (IOException) when (File.Exists(HistoryWriter.PartialPath(Path.Combine(path, HistoryFile))))
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Directory.Delete(path, recursive: true);
            throw;
        }
    }

    /// <summary>A name as a folder has it: letters, digits, dot, underscore and dash.</summary>
    private static string Slug(string name)
    {
        var slug = new string([.. name.Take(64).Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' ? c : '-')]).Trim('-', '.');
        return slug.Length == 0 ? "run" : slug;
    }
}

/// <summary>A file that a reader sees complete or not at all: written under a temporary name beside its own, then renamed.</summary>
internal static class WholeFile
{
    private static readonly UTF8Encoding _utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <exception cref="IOException">It cannot be written; what was there before still is.</exception>
    public static void Write(string path, string content)
    {
        var partial = HistoryWriter.PartialPath(path);
        try
        {
            File.WriteAllText(partial, content, _utf8);
            File.Move(partial, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // On a full disk the half of a file takes the room that the next one needs.
            TryDelete(partial);
            throw;
        }
    }

    private static void TryDelete(string partial)
    {
        try
        {
            File.Delete(partial);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The folder is gone, or not to be written.
        }
    }
}
