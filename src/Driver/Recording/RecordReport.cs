using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Guests;
using Livebed.Linux.Recording;

namespace Livebed.Driver.Recording;

/// <summary>What `record` says: progress on standard error, and what came out on standard output; all on standard error where that is a
/// started program's.</summary>
internal sealed class RecordReport(CommandEnvironment environment, RecordOptionValues values)
{
    private readonly TextWriter _result = values.Process is null ? environment.Error : environment.Out;
    private TimeSpan _next = TimeSpan.Zero;

    public void WriteBegin(Recorder recorder, int process)
    {
        if (values.IsQuiet) return;
        var time = values.Time is { } asked ? $"for {Figures.Microseconds(asked.TotalMicroseconds)}" : "until it ends, or Ctrl-C";
        environment.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"recording {recorder.Name} ({process}): {recorder.Memory}, by {Recorder.NameOf(recorder.Backend)}, every {Figures.Microseconds(
                recorder.Interval.TotalMicroseconds)}, {time}"));
    }

    /// <summary>A line each second at first, and every five later.</summary>
    public void ShowProgress(RecordProgress progress)
    {
        if (values.IsQuiet || progress.Elapsed < _next) return;
        _next = progress.Elapsed + (
            progress.Elapsed < TimeSpan.FromSeconds(5) ? TimeSpan.Zero : PlainProgress.Interval - TimeSpan.FromSeconds(1));
        var rate = Figures.Rate(progress.RecentPageWrites, 0, progress.RecentTime);
        var kept = progress.RecentIntervals == 0
            ? $"no look in {Figures.Microseconds(progress.RecentTime.TotalMicroseconds)}"
            : $"an interval {Figures.Microseconds(progress.RecentTime.TotalMicroseconds / progress.RecentIntervals)}";
        var share = progress.ProcessorTime / progress.Elapsed;
        var pages = $"{rate} page writes, {Figures.Count(progress.Pages)} pages";
        environment.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.Elapsed.TotalSeconds:0} s: {pages}, {kept}, costs {share:0.0%} of a processor{SlowdownOf(
                progress.Slowdown)}"));
    }

    public void WriteEnd(RecordOutcome outcome, IReadOnlyList<string> notes, string path)
    {
        var why = outcome.End switch
        {
            RecordEnd.ProcessEnded => ", until it ended",
            RecordEnd.Stopped => ", until it was stopped",
            RecordEnd.Full => ", until the recording was as large as it may be (campaigns/workloads/README.md)",
            _ => "",
        };
        foreach (var note in notes) _result.WriteLine(note);
        var header = outcome.Header;
        _result.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{path}: {outcome.Name}, {outcome.Memory}, {Figures.Microseconds(outcome.Duration.TotalMicroseconds)}{why}"));
        _result.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {header.Pages:N0} pages, {header.ZeroPages:N0} of them zero at the beginning; {outcome.PageWrites:N0} page writes, "
                + $"{Figures.Rate(
                outcome.PageWrites, 0, outcome.Duration)}"));
        _result.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {outcome.Intervals:N0} intervals of {Figures.Microseconds(outcome.KeptInterval.TotalMicroseconds)} (asked for "
                + $"{Figures.Microseconds(
                outcome.Interval.TotalMicroseconds)}), the longest {Figures.Microseconds(outcome.Longest.TotalMicroseconds)}"));
        if (outcome.Missed > outcome.Interval)
            _result.WriteLine($"  what it wrote in its last {Figures.Microseconds(outcome.Missed.TotalMicroseconds)} is not in it");
        _result.WriteLine("  " + CostOf(outcome));
        _result.WriteLine($"  forecast: {CommandText.Livebed} {CommandText.Words(
            ["predict", path, "--as", "qemu", "--link", "10Gbit/s", "--downtime", "300ms"])}");
    }

    public void WriteJson(RecordOutcome outcome, IReadOnlyList<string> notes, string path, int? status) =>
        _result.Write(RecordJson.Write(outcome, notes, path, status));

    public void WriteProgram(int process, int? status) => _result.WriteLine(status switch
    {
        null => string.Create(CultureInfo.InvariantCulture, $"  {values.Program[0]} runs on, as process {process}"),
        0 => $"  {values.Program[0]} ended with status 0",
        _ => string.Create(CultureInfo.InvariantCulture, $"  {values.Program[0]} ended with status {status}"),
    });

    private static string CostOf(RecordOutcome outcome)
    {
        var perWrite = outcome.PageWrites == 0
            ? ""
            : $", {Figures.Microseconds(outcome.ProcessorTime.TotalMicroseconds / outcome.PageWrites)} a page write";
        var stopped = outcome.InjectedMicroseconds == 0
            ? ""
            : $"; a thread of the process stood still for {Figures.Microseconds(outcome.InjectedMicroseconds)}";
        var faults = outcome.Faults == 0 ? "" : $"; the process took {Figures.Count(outcome.Faults)} page faults";
        var share = (outcome.ProcessorTime / outcome.Duration).ToString("0.0%", CultureInfo.InvariantCulture);
        var price = outcome.FaultMicroseconds is { } each ? $" of {Figures.Microseconds(each)}" : "";
        return $"cost: {share} of a processor{perWrite}{faults}{price}{SlowdownOf(outcome.Slowdown)}{stopped}";
    }

    private static string SlowdownOf(double? slowdown) => slowdown switch
    {
        null => "",
        > DirtyPageTraceHeader.MaxSlowdown => ", which leaves the process no time for anything else",
        { } share => string.Create(CultureInfo.InvariantCulture, $", its work takes {share:0.0%} longer"),
    };
}
