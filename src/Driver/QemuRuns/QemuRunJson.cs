using System.Text.Json;
using Livebed.Driver.Exploring;
using Livebed.Kvm.Prediction;
using Livebed.Linux.Qemu;

namespace Livebed.Driver.QemuRuns;

/// <summary>What `qemu --json` prints; docs/your-vm.md explains each field. A field without a value is null, never absent.</summary>
internal static class QemuRunJson
{
    public static string Write(QemuRunRequest request, QemuMigrationOutcome outcome, ForecastsByStart starts)
    {
        var (figures, recording) = (outcome.Figures, outcome.Recording);
        var completing = starts.Forecasts.Where(forecast => forecast.SwitchesOver).ToList();
        return JsonSerializer.Serialize(
            new
            {
                trace = request.Name,
                qemuVersion = outcome.QemuVersion,
                accelerator = request.Migration.Accelerator,
                memoryMib = outcome.MemoryMib,
                maxBandwidth = request.Migration.MaxBandwidth,
                downtimeLimitMilliseconds = request.Migration.DowntimeLimit.TotalMilliseconds,
                linkBandwidth = request.LinkBandwidth,
                status = figures.Status,
                why = QemuRunReport.WhyNot(request, outcome),
                measured = new
                {
                    dirtySyncCount = figures.DirtySyncCount,
                    totalTimeMilliseconds = figures.TotalTimeMilliseconds,
                    downtimeMilliseconds = figures.IsCompleted ? figures.DowntimeMilliseconds : (double?)null,
                    transferred = figures.Transferred,
                    duplicate = figures.Duplicate,
                    normal = figures.Normal,
                },
                forecast = new
                {
                    starts = starts.Forecasts.Count,
                    completes = starts.Forecasts.Count(forecast => forecast.Completes),
                    dirtySyncCount = Spread.Of(completing.Select(forecast => (double)forecast.DirtySyncCount)),
                    totalTimeMilliseconds = Spread.Of(completing.Select(forecast => forecast.TotalTimeMilliseconds)),
                    downtimeMilliseconds = Spread.Of(completing.Select(forecast => forecast.DowntimeMilliseconds!.Value)),
                    transferred = Spread.Of(completing.Select(forecast => (double)forecast.Transferred)),
                },
                recording = new
                {
                    pages = recording.Header.Pages,
                    zeroPages = recording.Header.ZeroPages,
                    pageWrites = recording.PageWrites,
                    durationMilliseconds = recording.Duration.TotalMilliseconds,
                },
                loadAverage = outcome.LoadAverage,
                stalePages = figures.IsCompleted ? outcome.StalePages.Sum(run => run.Count) : (long?)null,
                staleRuns = outcome.StalePages.Select(run => new { first = run.First, pages = run.Count }),
            },
            ExploreJson.Options) + "\n";
    }
}
