using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Predicting;

/// <summary>What `predict --as qemu` says to people beside the forecasts.</summary>
internal sealed class QemuReport(ReportPage page)
{
    /// <summary>How it was asked for.</summary>
    public void WriteHead(PredictRequest request, QemuSettings qemu)
    {
        var cap = request.Parameters.MaxBandwidth == 0 ? "no cap" : $"max-bandwidth {Figures.Bytes(request.Parameters.MaxBandwidth)}/s";
        var stop = qemu.SwitchoverBandwidth == 0 ? "" : $", stop phase {Figures.Bytes(qemu.SwitchoverBandwidth)}/s";
        page.Line($"as QEMU {qemu.Version} does it: {cap}, link {Figures.Bytes(qemu.LinkBandwidth)}/s{stop}", 2);
        var zero = request.Workload.ZeroPages(request.Settings, qemu.IsZeroFromTrace).Count;
        var source = !qemu.IsZeroFromTrace ? "--zero-share"
            : request.Timeline is not { } timeline ? "no --zero-share"
            : timeline.Header.ZeroPages is not null ? "the recording says so"
            : "each 2MiB that the recording never writes to; --zero-share says otherwise";
        page.Line($"zero pages: {zero.ToString("N0", CultureInfo.InvariantCulture)} ({source})", 2);
    }

    /// <summary>Where it stops converging.</summary>
    public void WriteEdges(PredictRequest request, QemuAnswers answers)
    {
        var unit = request.Timeline is null ? "it completes" : "nine of ten starts complete";
        page.Line(answers.Bandwidth switch
        {
            { Value: { } value } => $"{unit} from a bandwidth of {Figures.Bytes(value)}/s on; below that it stops converging",
            { IsCut: true } => $"the bandwidth from which {unit} was not found: the search is more work than it may be",
            _ => $"no bandwidth up to {Figures.Bytes(ConvergenceLimits.BandwidthMax)}/s is enough for that",
        }, 2);
        if (answers.Downtime is not { } downtime) return;
        page.Line(downtime switch
        {
            { Value: { } value } => $"{unit} from a downtime limit of {Figures.Microseconds(value)} on",
            { IsCut: true } => $"the downtime limit from which {unit} was not found: the search is more work than it may be",
            _ => "no downtime limit up to 1h is enough",
        }, 2);
    }

    public void WriteForcedStop(MigrationForecast forecast)
    {
        if (ForcedStop.Of(forecast) is not { } stop) return;
        var atLimit = stop.AtLimit is { } limit ? $"{ForecastText.Time(limit)} at the limit, " : "";
        page.Line(
            $"a forced stop: {atLimit}{ForecastText.Time(stop.Best)} at the best sync (after {ForecastText.Time(stop.BestAt)}), "
                + $"{ForecastText.Time(stop.Worst)} at the worst", 2);
    }

    public void WriteAnswers(PredictRequest request, QemuAnswers answers, ForecastsByStart starts)
    {
        if (answers.DowntimeOfTwiceTheLink is { } twice && starts.Downtime is { } downtime && twice > downtime.Median * 1.05)
            page.Line(
                $"with twice the bandwidth the downtime is longer, {ForecastText.Time(twice)} instead of "
                    + $"{ForecastText.Time(downtime.Median)}: more fits below the limit, and QEMU stops earlier");
        if (answers.AbortedByNoProgress is { } aborted)
            page.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"a rule 'no progress for {Figures.Microseconds(request.Questions!.NoProgressMicroseconds!.Value)}' aborts {aborted} of "
                    + $"the "
                    + $"{starts.Forecasts.Count(forecast => forecast.Completes)} starts that complete"));
        WriteMemory(request);
        if (answers.Shared.Count > 0) WriteShared(request.Questions!.Parallel, answers);
    }

    private void WriteMemory(PredictRequest request)
    {
        if (request.Questions!.KsmMergedBytes is not (> 0 and var merged)) return;
        var zero = request.Workload.ZeroPages(request.Settings, request.Settings.Qemu!.IsZeroFromTrace).Count;
        var bytes = (double)(request.Settings.MemoryPages - zero) * request.Settings.PageSize;
        page.Line(
            $"at the destination the guest takes {Figures.Bytes(bytes)} at first: "
                + $"{Figures.Bytes(Math.Min(bytes, merged))} more than at the "
                + "source, where KSM shares it; zero pages take none");
    }

    private void WriteShared(int migrations, QemuAnswers answers)
    {
        page.Line(answers.MostAtOnce is { } most
            ? string.Create(
                CultureInfo.InvariantCulture, $"of {migrations} such VMs, up to {most} at once complete in nine of ten starts")
            : "not even one of them alone completes in nine of ten starts");
        var table = Tables.Create("at once", "link share", "complete", "time each", "worst", "downtime", "worst", "time of all");
        foreach (var shared in answers.Shared)
        {
            var starts = shared.ByStart;
            table.Row(
                shared.AtOnce.ToString(CultureInfo.InvariantCulture), $"{Figures.Bytes(shared.LinkShare)}/s",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{starts.Forecasts.Count(forecast => forecast.Completes)} of {starts.Forecasts.Count}"),
                ForecastText.Time(starts.TotalTime?.Median), ForecastText.Time(starts.TotalTime?.Most),
                ForecastText.Time(starts.Downtime?.Median), ForecastText.Time(starts.Downtime?.Most),
                ForecastText.Time(shared.AllMilliseconds(migrations)));
        }

        page.Console.Write(table);
    }
}
