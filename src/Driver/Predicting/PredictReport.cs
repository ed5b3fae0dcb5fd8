using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using Spectre.Console;

namespace Livebed.Driver.Predicting;

/// <summary>What `predict` prints for people: what was asked, the rounds, the verdict and what would change it, and the other ways to
/// go.</summary>
internal sealed class PredictReport(CommandEnvironment environment)
{
    private readonly ReportPage _page = new(environment);
    private readonly QemuReport _qemu = new(new ReportPage(environment));

    public void Write(PredictRequest request, Prediction prediction)
    {
        WriteHead(request);
        if (prediction.Starts is { } starts) WriteStarts(request, starts);
        if (prediction.Qemu is { } answers) _qemu.WriteEdges(request, answers);
        WriteSingleHead(request, prediction);
        WriteRounds(prediction.Forecast);
        WriteVerdict(request, prediction);
        WriteStrategies(prediction);
        if (prediction is { Qemu: { } asked, Starts: { } all }) _qemu.WriteAnswers(request, asked, all);
        if (prediction.Analytic is { } analytic) WriteAnalytic(analytic, request.Settings);
    }

    private void WriteHead(PredictRequest request)
    {
        var (parameters, settings) = (request.Parameters, request.Settings);
        var memory = $"{Grouped(settings.MemoryPages)} pages, {Figures.Bytes((double)settings.MemoryPages * settings.PageSize)}";
        _page.Line($"{request.Guest.Title}: {memory}", style: new Style(decoration: Decoration.Bold));
        if (request.Timeline?.Header is { Backend: { } backend } header)
            _page.Line($"{header.Source}, by {backend}{(header.StartedAt is { } started ? $", {started.ToString("u", null)}" : "")}", 2);
        if (settings.Qemu is { } qemu) _qemu.WriteHead(request, qemu);
        var bandwidth = settings.Qemu is null ? $"bandwidth {Figures.Bytes(parameters.MaxBandwidth)}/s, " : "";
        var time = parameters.TimeLimitMicroseconds == 0
            ? "no time limit"
            : $"time limit {Figures.Microseconds(parameters.TimeLimitMicroseconds)}";
        _page.Line($"{bandwidth}downtime limit {Figures.Microseconds(parameters.DowntimeLimitMicroseconds)}, {time}", 2);
        if (settings.Qemu is null && settings.Sender != SenderCosts.None)
            _page.Line(
                $"beside the bytes: set-up {Figures.Microseconds(settings.Sender.SetupMicroseconds)}, a page "
                    + $"{Figures.Microseconds(settings.Sender.PageMicroseconds)}, the first time "
                    + $"{Figures.Microseconds(settings.Sender.FirstPageMicroseconds)}, a round "
                    + $"{Figures.Microseconds(settings.Sender.RoundMicroseconds)}, the switchover "
                    + $"{Figures.Microseconds(settings.SwitchoverCostMicroseconds)} (--sender-costs)", 2);
    }

    /// <summary>The one forecast is an example beside those of all starts; which one it is.</summary>
    private void WriteSingleHead(PredictRequest request, Prediction prediction)
    {
        if (prediction.Starts is null || request.Timeline is null) return;
        var start = Figures.Microseconds(request.Settings.StartMicroseconds);
        _page.Line(request.IsFromAStart ? $"begun {start} into the recording:" : "begun with the recording:");
    }

    private void WriteRounds(MigrationForecast forecast)
    {
        var rounds = forecast.Rounds;
        var hasThrottle = rounds.Any(round => round.ThrottlePercentage > 0 || round.DirtyLimited);
        string[] columns = ["round", "pages", "sent", "duration", "dirtied", "per second", "left", "downtime"];
        var table = Tables.Create([.. columns, .. hasThrottle ? new[] { "throttle" } : []]);
        foreach (var round in RoundCut.Of(rounds))
        {
            if (round is null)
            {
                table.Ellipsis();
                continue;
            }

            string[] cells =
            [
                round.Number.ToString(CultureInfo.InvariantCulture), Figures.Count(round.Pages), Figures.Bytes(round.Bytes),
                Figures.Microseconds(round.Microseconds),
                Figures.Count(round.DirtyPages), Figures.Count(round.DirtyPagesPerSecond), Figures.Bytes(round.RemainingBytes),
                Figures.Microseconds(round.ExpectedDowntimeMicroseconds),
            ];
            table.Row([.. cells, .. hasThrottle ? new[] { ThrottleOf(round) } : []]);
        }

        _page.Console.Write(table);
    }

    private static string ThrottleOf(Round round)
    {
        if (round.DirtyLimited) return "limit";
        return round.ThrottlePercentage == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{round.ThrottlePercentage} %");
    }

    private void WriteVerdict(PredictRequest request, Prediction prediction)
    {
        var forecast = prediction.Forecast;
        var colour = prediction.Verdict switch
        {
            ForecastVerdict.Converges => Color.Green,
            ForecastVerdict.Postcopy => Color.Blue,
            _ => Color.Red,
        };
        var ofAll = prediction.Verdict == forecast.Verdict ? "" : $" (of all starts; of this one {ForecastText.Name(forecast.Verdict)})";
        _page.Line($"verdict: {ForecastText.Name(prediction.Verdict)}{ofAll}", style: new Style(colour, decoration: Decoration.Bold));
        _page.Line(ForecastText.Explain(forecast, request.Parameters.DowntimeLimitMicroseconds), 2);
        _page.Line(
            string.Create(CultureInfo.InvariantCulture,
                $"{Figures.Bytes(forecast.Transferred)} in {ForecastText.Time(forecast.TotalTimeMilliseconds)}, "
                    + $"downtime {ForecastText.Time(forecast.DowntimeMilliseconds)}, {forecast.DirtySyncCount} syncs"), 2);
        if (prediction.Qemu is not null)
        {
            _qemu.WriteForcedStop(forecast);
            return;
        }

        if (prediction.NeededDowntimeMilliseconds is { } downtime)
            _page.Line(
                string.Create(CultureInfo.InvariantCulture, $"pre-copy would complete with a downtime limit of {downtime}ms or more"), 2);
        if (prediction.NeededBandwidth is { } bandwidth)
            _page.Line($"pre-copy would complete with a bandwidth of {Figures.Bytes(bandwidth)}/s or more", 2);
        else if (forecast.Verdict != ForecastVerdict.Converges)
            _page.Line(
                $"no bandwidth from {Figures.Bytes(request.Parameters.MaxBandwidth)}/s to "
                    + $"{Figures.Bytes(ConvergenceLimits.BandwidthMax)}/s lets pre-copy complete", 2);
    }

    private void WriteStarts(PredictRequest request, ForecastsByStart starts)
    {
        if (request.Timeline is not { } timeline) return;
        var verdicts = Enum.GetValues<ForecastVerdict>().Where(verdict => starts.CountOf(verdict) > 0)
            .Select(verdict => string.Create(CultureInfo.InvariantCulture, $"{ForecastText.Name(verdict)} {starts.CountOf(verdict)}"));
        _page.Line(
            string.Create(CultureInfo.InvariantCulture, $"from {starts.Forecasts.Count} starts all over the recording: "
                + $"{string.Join(", ", verdicts)}"));
        if (starts.Rounds is null) return;
        var worst = timeline.PassMicroseconds * starts.Worst / starts.Forecasts.Count;
        _page.Line($"worst is the start {Figures.Microseconds(worst)} into it", 2);
        var table = Tables.Create("where it completes", "least", "median", "most");
        table.Row("rounds", Count(starts.Rounds.Least), Count(starts.Rounds.Median), Count(starts.Rounds.Most));
        Times("time", starts.TotalTime!);
        Times("downtime", starts.Downtime!);
        _page.Console.Write(table);

        void Times(string name, Spread spread) =>
            table.Row(name, ForecastText.Time(spread.Least), ForecastText.Time(spread.Median), ForecastText.Time(spread.Most));
        static string Count(double value) => value.ToString(CultureInfo.InvariantCulture);
    }

    private void WriteStrategies(Prediction prediction)
    {
        var table = Tables.Create("strategy", "verdict", "rounds", "sent", "time", "downtime", "slowed", "blocked");
        table.Columns[1].LeftAligned();
        foreach (var (strategy, forecast) in prediction.Strategies)
        {
            table.Row(
                strategy, ForecastText.Name(forecast.Verdict), forecast.Rounds.Count.ToString(CultureInfo.InvariantCulture),
                Figures.Bytes(forecast.Transferred),
                ForecastText.Time(forecast.TotalTimeMilliseconds), ForecastText.Time(forecast.DowntimeMilliseconds),
                ForecastText.Time(forecast.ThrottledMilliseconds),
                ForecastText.Time(forecast.Postcopy?.BlocktimeMilliseconds));
        }

        _page.Console.Write(table);
    }

    private void WriteAnalytic(AnalyticEstimate analytic, ForecastSettings settings)
    {
        var geometric = analytic.Geometric;
        var outcome = geometric.Rounds is { } rounds
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{ForecastText.Rounds(rounds)}, {ForecastText.Time(geometric.TotalSeconds * 1e3)}, "
                    + $"downtime {ForecastText.Time(geometric.Downtime * 1e3)}")
            : "diverging";
        _page.Line(
            string.Create(CultureInfo.InvariantCulture, $"geometric model: {Figures.Bytes(geometric.DirtyBytesPerSecond)}/s, "
                + $"{geometric.Ratio:0.00} of the bandwidth: {outcome}"));
        if (double.IsInfinity(analytic.Writes.HotPages)) return;
        var forecast = analytic.WithHotSet;
        _page.Line(string.Create(CultureInfo.InvariantCulture,
            $"with a hot set of {Figures.Bytes(analytic.Writes.HotPages * settings.PageSize)}: {ForecastText.Name(forecast.Verdict)}, "
                + $"{ForecastText.Rounds(forecast.Rounds.Count)}, "
            + $"{ForecastText.Time(forecast.TotalTimeMilliseconds)}, downtime {ForecastText.Time(forecast.DowntimeMilliseconds)}"));
    }

    private static string Grouped(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
