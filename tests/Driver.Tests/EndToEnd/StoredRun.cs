using System.Text.Json;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.EndToEnd;

/// <summary>A run folder as a later reader finds it. Reading it is a test: all files are there, whole, and parse.</summary>
internal sealed class StoredRun
{
    public StoredRun(string folder)
    {
        Folder = folder;
        Assert.Equal(
            [
                RunFolder.CampaignFile, RunFolder.ChartsFile, RunFolder.HistoryFile, RunFolder.ReportFile, RunFolder.ResultsFile,
                RunFolder.TracesFile,
            ],
            Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Results = ResultsJson.Read(File.ReadAllText(PathOf(RunFolder.ResultsFile)));
        History = [.. File.ReadLines(PathOf(RunFolder.HistoryFile)).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(Enumerable.Range(0, History.Count), History.Select(record => record.GetProperty("index").GetInt32()));
        var times = History.Select(record => record.GetProperty("time").GetInt64()).ToList();
        Assert.Equal(times.Order(), times);
        // Whether the machine was busy is no claim of a test, and a silo leaves where a test wants it to.
        Assert.DoesNotContain(Results.LimitsHit, hit => hit.Limit is not ("standstill" or "promotedSpans" or "traceSpans" or "silosLeft"));
    }

    public string Folder { get; }
    public RunResults Results { get; }
    public IReadOnlyList<JsonElement> History { get; }

    /// <summary>The one run that was made below a folder.</summary>
    public static StoredRun In(string parent) => new(Assert.Single(Directory.GetDirectories(parent)));

    /// <summary>Of a range that is open when the warm-up ends, the end is counted and the start is not.</summary>
    private const int OpenAtWarmUpsEnd = 16;

    public string PathOf(string file) => Path.Combine(Folder, file);

    /// <summary>After the record of the build, every operation that began has ended, once, in the records of the actor that recorded its
    /// begin. Facts are no operations; the last one ends the history.</summary>
    public void EveryOperationEnded()
    {
        Assert.Equal(ModelIdentity.Line, Text(History[0], "value"));
        Assert.Equal("fact", Text(History[^1], "type"));
        Assert.All(
            History.Skip(1).Where(record => Text(record, "type") != "fact")
                .GroupBy(record => (Text(record, "process"), Text(record, "op"))),
            operation => Assert.True(
                operation.Select(record => Text(record, "type")).ToArray() is ["invoke", "ok" or "fail" or "info"],
                $"{operation.Key}: {string.Join(", ", operation)}"));
    }

    /// <summary>Each counter that is a number of operations after the warm-up, counted once more from the driver's records, and of
    /// migrations' syncs from their rows.</summary>
    public void CountsAreThoseOfTheHistory()
    {
        var counts = Results.Counts;
        Assert.Equal(Succeeded("memslot-create", "memslot-delete", "memslot-move", "memslot-flags"), counts.MemslotUpdates);
        Assert.Equal(Succeeded("vm-destroy"), counts.Teardowns);
        Assert.Equal(
            Succeeded("dirty-log-get") + Results.Migrations.Sum(migration => migration.Ram.DirtySyncCount), counts.DirtyLogGets);

        foreach (var (parts, downtime) in Results.Migrations.Select(migration => (migration.DowntimeParts, migration.Downtime)))
            Assert.Equal(
                downtime, parts.SyncMilliseconds + parts.PagesMilliseconds + parts.StateMilliseconds + parts.TakeOverMilliseconds, 1e-6);

        // A silo's latencies and its actors' counters begin at the warm-up's end, one after the other.
        Assert.InRange(Results.LatencyMicroseconds["fault"].Count - counts.Faults, -OpenAtWarmUpsEnd, OpenAtWarmUpsEnd);
        Assert.InRange(Results.LatencyMicroseconds["tlb-refill"].Count - counts.TlbRefills, -OpenAtWarmUpsEnd, OpenAtWarmUpsEnd);
        Assert.True(counts.NotifierElided <= counts.NotifierRanges);
        Assert.True(counts.NotifierMmuLockAcquisitions <= 2 * (counts.NotifierRanges - counts.NotifierElided) + OpenAtWarmUpsEnd);
    }

    /// <summary>Operations of the driver that took effect; what it does before and after the load is not among its records.</summary>
    private long Succeeded(params string[] kinds) =>
        History.Count(record => Text(record, "process") == "driver" && !record.GetProperty("warmup").GetBoolean()
        && Text(record, "type") == "ok" && kinds.Contains(Text(record, "f")));

    private static string Text(JsonElement record, string field) => record.GetProperty(field).GetString()!;
}
