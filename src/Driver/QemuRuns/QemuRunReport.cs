using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Prediction;
using Livebed.Linux.Qemu;
using Spectre.Console;

namespace Livebed.Driver.QemuRuns;

/// <summary>What `qemu` prints: measured beside forecast, and what the destination's memory lacks.</summary>
internal sealed class QemuRunReport(CommandEnvironment environment)
{
    private const int RunsShown = 8;

    private readonly ReportPage _page = new(environment);

    public void Write(QemuRunRequest request, QemuMigrationOutcome outcome, ForecastsByStart starts)
    {
        var (figures, recording) = (outcome.Figures, outcome.Recording);
        _page.Line(
            string.Create(CultureInfo.InvariantCulture, $"{request.Name} in QEMU {outcome.QemuVersion}: {figures.Status}"),
            style: new Style(decoration: Decoration.Bold));
        _page.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{outcome.MemoryMib} MiB over loopback, max-bandwidth {Figures.Bytes(request.Migration.MaxBandwidth)}/s, "
                + $"downtime-limit {Figures.Microseconds(
                request.Migration.DowntimeLimit.TotalMicroseconds)}"), 2);
        _page.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"the guest before: {Figures.Rate(recording.PageWrites, 0, recording.Duration)} page writes, "
                + $"{recording.Header.ZeroPages:N0} of {recording.Header.Pages:N0} pages zero"), 2);
        if (WhyNot(request, outcome) is { } why) _page.Line($"{why}; measured is what it had done until then", 2);
        WriteTable(figures, starts);
        WriteForecast(starts);
        if (outcome.LoadAverage > Environment.ProcessorCount)
            _page.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"the machine was busy (load average {outcome.LoadAverage} on {Environment.ProcessorCount} processors): "
                    + $"times and what comes of "
                    + $"them are longer than forecast"), 2);
        WriteMemory(outcome);
    }

    /// <summary>Why it did not complete; null where it did.</summary>
    public static string? WhyNot(QemuRunRequest request, QemuMigrationOutcome outcome) => outcome switch
    {
        { Figures.IsCompleted: true } => null,
        { Cancel: QemuCancel.TimeLimit } =>
            $"cancelled: it was not done after {Figures.Microseconds(request.Migration.TimeLimit.TotalMicroseconds)} (--time-limit)",
        { Figures.Error: { } error } => $"{outcome.Figures.Status}: QEMU says {error}",
        _ => $"{outcome.Figures.Status}: QEMU does not say why",
    };

    private void WriteTable(QemuFigures measured, ForecastsByStart starts)
    {
        var completing = starts.Forecasts.Where(forecast => forecast.SwitchesOver).ToList();
        var table = Tables.Create("", "measured", "least", "median", "most");
        Row(
            "syncs", measured.DirtySyncCount, forecast => forecast.DirtySyncCount,
            value => value.ToString("0", CultureInfo.InvariantCulture));
        Row("total time", measured.TotalTimeMilliseconds, forecast => forecast.TotalTimeMilliseconds, value => Figures.Milliseconds(value));
        Row(
            "downtime", measured.IsCompleted ? measured.DowntimeMilliseconds : null, forecast => forecast.DowntimeMilliseconds!.Value,
            value => Figures.Milliseconds(value));
        Row("sent", measured.Transferred, forecast => forecast.Transferred, Figures.Bytes);
        _page.Console.Write(table);

        void Row(string name, double? value, Func<MigrationForecast, double> of, Func<double, string> text)
        {
            var spread = Spread.Of(completing.Select(of));
            table.Row([name, value is { } known ? text(known) : "-", .. spread is null
                ? Enumerable.Repeat("-", 3)
                : new[] { spread.Least, spread.Median, spread.Most }.Select(text)]);
        }
    }

    private void WriteForecast(ForecastsByStart starts)
    {
        var completes = starts.Forecasts.Count(forecast => forecast.Completes);
        _page.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"least, median and most are forecast, from {starts.Forecasts.Count} starts; {completes} of them complete"), 2);
    }

    private void WriteMemory(QemuMigrationOutcome outcome)
    {
        if (!outcome.Figures.IsCompleted)
        {
            _page.Line("the memories were not compared, as it did not complete", 2);
            return;
        }

        var stale = outcome.StalePages;
        if (stale.Count == 0)
        {
            _page.Line("the memories of both sides are the same", 2);
            return;
        }

        var runs = stale.Take(RunsShown).Select(run => string.Create(
            CultureInfo.InvariantCulture, $"{run.First}{(run.Count > 1 ? $"+{run.Count}" : "")}"));
        var rest = stale.Count > RunsShown ? $" and {stale.Count - RunsShown} more runs" : "";
        _page.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"stale at the destination: {stale.Sum(run => run.Count):N0} pages ({string.Join(' ', runs)}{rest}). QEMU says completed, "
                + $"and the guest would read old values"),
            2, new Style(Color.Red));
    }
}
