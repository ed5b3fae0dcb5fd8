using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Livebed.Kvm.Guests;
using Livebed.Linux.Interop;
using Livebed.Linux.Recording;

namespace Livebed.Linux.Qemu;

/// <summary>What to migrate, and how.</summary>
/// <param name="Program">QEMU for x86-64</param>
/// <param name="Accelerator">as QEMU names it: tcg or kvm</param>
/// <param name="Trace">the file that the guest replays</param>
/// <param name="MaxBandwidth">bytes a second; <c>max-bandwidth</c></param>
/// <param name="DowntimeLimit"><c>downtime-limit</c></param>
/// <param name="TimeLimit">then it is cancelled</param>
/// <param name="RecordTime">how long the guest is recorded before it migrates</param>
public sealed record QemuMigrationRequest(
    string Program, string Accelerator, string Trace, long MaxBandwidth, TimeSpan DowntimeLimit, TimeSpan TimeLimit, TimeSpan RecordTime);

/// <summary>What <c>query-migrate</c> said at the end, in QEMU's words.</summary>
/// <param name="Status">as in <c>completed</c></param>
/// <param name="DirtySyncCount">syncs</param>
/// <param name="Transferred">bytes</param>
/// <param name="Duplicate">zero pages</param>
/// <param name="Normal">other pages</param>
/// <param name="TotalTimeMilliseconds">of all</param>
/// <param name="DowntimeMilliseconds">0 unless it completed</param>
public sealed record QemuFigures(
    string Status, int DirtySyncCount, long Transferred, long Duplicate, long Normal, double TotalTimeMilliseconds,
    double DowntimeMilliseconds)
{
    public bool IsCompleted => Status == "completed";

    /// <summary>Why it failed, in QEMU's words; null where it does not say.</summary>
    public string? Error { get; init; }

    internal static QemuFigures From(JsonElement reply)
    {
        var ram = reply.TryGetProperty("ram", out var found) ? found : default;
        return new QemuFigures(
            reply.TryGetProperty("status", out var status) ? status.GetString() ?? "" : "none", (int)Number(ram, "dirty-sync-count"),
            (long)Number(ram, "transferred"), (long)Number(ram, "duplicate"), (long)Number(ram, "normal"), Number(reply, "total-time"),
            Number(reply, "downtime"))
        {
            Error = reply.TryGetProperty("error-desc", out var error) ? error.GetString() : null,
        };
    }

    private static double Number(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value.GetDouble() : 0;
}

/// <summary>What a series of <c>query-migrate</c> replies says about one migration. QEMU gives figures while it goes on and when it has
/// completed; of one that was cancelled or failed it gives the status alone.</summary>
internal sealed class QemuReplies
{
    private QemuFigures? _last;

    /// <returns>the reply; with the figures of the last one that had any, where it has none</returns>
    public QemuFigures Add(JsonElement reply)
    {
        var figures = QemuFigures.From(reply);
        if (reply.TryGetProperty("ram", out _)) return _last = figures;
        return _last is null ? figures : _last with { Status = figures.Status, Error = figures.Error, DowntimeMilliseconds = 0 };
    }
}

/// <summary>Why a migration was cancelled.</summary>
public enum QemuCancel : byte
{
    /// <summary>It was not.</summary>
    None,

    /// <summary>The time limit was over.</summary>
    TimeLimit,
}

/// <summary>What a migration was.</summary>
/// <param name="QemuVersion">as in 7.2.22</param>
/// <param name="MemoryMib">of the guest</param>
/// <param name="Recording">of the guest before it migrated</param>
/// <param name="Figures">measured; where it did not complete, what it had done at the last look before</param>
/// <param name="Cancel">why it was cancelled</param>
/// <param name="LoadAverage">of the machine, over a minute, when it was over; more than its processors make times longer</param>
/// <param name="StalePages">of the destination's memory, which differ from the source's; empty where it did not complete</param>
public sealed record QemuMigrationOutcome(
    string QemuVersion, long MemoryMib, RecordOutcome Recording, QemuFigures Figures, QemuCancel Cancel, double LoadAverage,
    IReadOnlyList<PageRun> StalePages);

/// <summary>
/// A real migration: QEMU runs a guest of ours that replays a trace (<see cref="ReplayGuest"/>), the recorder watches it, and it migrates
/// over loopback to another QEMU, which does not let it run. Then the memories of both are compared. Needs one thread, as the recorder
/// does. Both processes end with it, and so does the folder.
/// </summary>
public static class QemuMigration
{
    private const long Mib = 1 << 20;

    // What the BIOS needs at least.
    private const long MemoryMibMin = 32;

    // Below the hole for PCI, in one piece.
    private const long MemoryMibMax = 3 << 10;
    private const string Source = "source";
    private const string Destination = "destination";

    private static readonly TimeSpan _readyPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan _poll = TimeSpan.FromMilliseconds(50);

    /// <param name="request">what</param>
    /// <param name="show">told what is done</param>
    /// <param name="stop">ends it, and both processes at once</param>
    /// <exception cref="QemuException">QEMU cannot be had, or does not do it.</exception>
    /// <exception cref="RecordingException">Its memory may not be looked into.</exception>
    /// <exception cref="TraceFormatException">The trace cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static QemuMigrationOutcome Run(QemuMigrationRequest request, Action<string> show, CancellationToken stop)
    {
        var folder = Directory.CreateTempSubdirectory("livebed-qemu-").FullName;
        try
        {
            var memory = WriteGuest(request, folder);
            using var source = QemuProcess.Start(request.Program, folder, Source, memory, request.Accelerator, isIncoming: false, stop);
            var version = VersionOf(source.Qmp.Greeting);
            show(string.Create(CultureInfo.InvariantCulture, $"QEMU {version}, {request.Accelerator}, {memory} MiB: "
                + $"the guest fills its pages"));
            AwaitReady(source, folder, stop);
            show($"the guest replays; it is recorded for {request.RecordTime.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s");
            var recording = Record(source.Process, request.RecordTime, stop);
            using var destination = QemuProcess.Start(
                request.Program, folder, Destination, memory, request.Accelerator, isIncoming: true, stop);
            show("it migrates");
            var (figures, cancel) = Migrate(source.Qmp, destination.Qmp, request);
            stop.ThrowIfCancellationRequested();
            var load = double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
            var stale = figures.IsCompleted ? StalePages(source, destination, stop) : [];
            return new QemuMigrationOutcome(version, memory, recording, figures, cancel, load, stale);
        }
        catch (Exception exception) when (IsOfTheirEnd(exception) && stop.IsCancellationRequested)
        {
            throw new OperationCanceledException("both ended because it was stopped", exception, stop);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What a process that has ended leads to, whatever was asked of it.</summary>
    private static bool IsOfTheirEnd(Exception exception) =>
        exception is QemuException or RecordingException or SystemCallException or IOException or JsonException;

    private static long WriteGuest(QemuMigrationRequest request, string folder)
    {
        var pages = DirtyPageTrace.ReadHeader(request.Trace) is { PageSize: 4096 } header
            ? header.Pages
            : throw new QemuException("the recording's pages are not of 4 KiB, which this guest's are; allowed: one of 4 KiB pages");
        // How long the schedule is does not depend on where the memory begins.
        var address = ReplayGuest.MemoryAddress(ReplaySchedule.Of(request.Trace, 0).Length);
        var memory = Math.Max(MemoryMibMin, (address + pages * 4096 + Mib - 1) / Mib);
        if (memory > MemoryMibMax)
            throw new QemuException(string.Create(
                CultureInfo.InvariantCulture, $"the guest would need {memory} MiB of RAM; allowed: {MemoryMibMax} MiB at most"));
        File.WriteAllBytes(Path.Combine(folder, QemuProcess.ImageFile), ReplayGuest.Image());
        File.WriteAllBytes(Path.Combine(folder, QemuProcess.ScheduleFile), ReplaySchedule.Of(request.Trace, address));
        return memory;
    }

    private static string VersionOf(JsonElement greeting)
    {
        var version = greeting.GetProperty("QMP").GetProperty("version").GetProperty("qemu");
        return string.Join(
            '.',
            ((string[])["major", "minor", "micro"])
                .Select(part => version.GetProperty(part).GetInt32().ToString(CultureInfo.InvariantCulture)));
    }

    private static void AwaitReady(QemuProcess source, string folder, CancellationToken stop)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!QemuProcess.IsReady(folder, Source))
        {
            stop.ThrowIfCancellationRequested();
            if (Stopwatch.GetElapsedTime(begun) > _readyPatience || source.HasEnded)
                throw new QemuException("the guest does not start within a minute", isUsage: false);
            Thread.Sleep(_poll);
        }
    }

    private static RecordOutcome Record(int process, TimeSpan time, CancellationToken stop)
    {
        using var recorder = Recorder.Attach(new RecordRequest(process, IsGuest: true, null, null, time));
        var outcome = recorder.Record(() => { }, _ => { }, stop);
        stop.ThrowIfCancellationRequested();
        return outcome;
    }

    private static (QemuFigures Figures, QemuCancel Cancel) Migrate(
        QmpClient source, QmpClient destination, QemuMigrationRequest request)
    {
        _ = destination.Execute("migrate-incoming", new { uri = "tcp:127.0.0.1:0" });
        var port = destination.Execute("query-migrate").GetProperty("socket-address")[0].GetProperty("port").GetString();
        _ = source.Execute(
            "migrate-set-parameters",
            new Dictionary<string, long>
            {
                ["max-bandwidth"] = request.MaxBandwidth,
                ["downtime-limit"] = (long)request.DowntimeLimit.TotalMilliseconds,
            });
        _ = source.Execute("migrate", new { uri = $"tcp:127.0.0.1:{port}" });
        var begun = Stopwatch.GetTimestamp();
        var replies = new QemuReplies();
        var cancel = QemuCancel.None;
        while (true)
        {
            Thread.Sleep(_poll);
            var figures = replies.Add(source.Execute("query-migrate"));
            // Right behind "completed" the total time may still be 0.
            if (figures.IsCompleted) Thread.Sleep(_poll);
            if (figures.IsCompleted) return (replies.Add(source.Execute("query-migrate")), QemuCancel.None);
            if (figures.Status is "failed" or "cancelled") return (figures, cancel);
            if (cancel != QemuCancel.None || Stopwatch.GetElapsedTime(begun) < request.TimeLimit) continue;
            cancel = QemuCancel.TimeLimit;
            _ = source.Execute("migrate_cancel");
        }
    }

    /// <summary>"Completed" says that all was sent that QEMU knew to be dirty. Both guests stand still.</summary>
    private static List<PageRun> StalePages(QemuProcess source, QemuProcess destination, CancellationToken stop)
    {
        var begun = Stopwatch.GetTimestamp();
        while (destination.Qmp.Execute("query-status").GetProperty("status").GetString() == "inmigrate")
        {
            stop.ThrowIfCancellationRequested();
            if (Stopwatch.GetElapsedTime(begun) > _readyPatience)
                throw new QemuException("the destination does not take the guest over within a minute", isUsage: false);
            Thread.Sleep(_poll);
        }

        return GuestComparison.Differences(source.Process, destination.Process);
    }
}
