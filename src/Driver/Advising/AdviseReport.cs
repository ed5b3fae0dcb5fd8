using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Predicting;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Prediction;
using Spectre.Console;

namespace Livebed.Driver.Advising;

/// <summary>What `advise` prints for people: the advice, the settings that were tried, the point of no return, and what to paste.</summary>
internal sealed class AdviseReport(CommandEnvironment environment)
{
    private readonly ReportPage _page = new(environment);

    public void Write(AdviseRequest request, IReadOnlyList<TriedSetting> tried, PointOfNoReturn chart)
    {
        WriteHead(request);
        WriteAdvice(request, tried);
        WriteTable(request, tried);
        WriteChart(request, chart);
        if (tried[0].IsAdvisable) WritePasteable(request, tried[0].Setting);
    }

    private void WriteHead(AdviseRequest request)
    {
        var pages = request.Guest.Settings.MemoryPages.ToString("N0", CultureInfo.InvariantCulture);
        _page.Line(
            $"{request.Guest.Title}: {pages} pages, {Figures.Bytes(request.Guest.MemoryBytes)}",
            style: new Style(decoration: Decoration.Bold));
        _page.Line(
            $"QEMU {request.Qemu.Version}, link {Figures.Bytes(request.Qemu.LinkBandwidth)}/s{MarginText(request)}; at most "
                + $"{Figures.Microseconds(request.Limits.DowntimeMicroseconds)} of downtime, all counted, and "
                + $"{Figures.Microseconds(request.Limits.TimeMicroseconds)} in all, in nine of ten starts", 2);
    }

    private static string MarginText(AdviseRequest request) => request.LinkMargin > 0
        ? string.Create(CultureInfo.InvariantCulture, $", and {request.LinkMargin * 100:0.#} % less of it")
        : "";

    private void WriteAdvice(AdviseRequest request, IReadOnlyList<TriedSetting> tried)
    {
        if (!tried[0].IsAdvisable)
        {
            _page.Line("advice: none of the settings keeps the limits", style: new Style(Color.Red, decoration: Decoration.Bold));
            return;
        }

        _page.Line($"advice: {SettingText.NameWithChannels(tried[0].Setting)}", style: new Style(Color.Green, decoration: Decoration.Bold));
        var (lost, time, downtime) = (tried[0].GuestLost!, tried[0].TotalTime!, tried[0].Downtime!);
        _page.Line(
            $"the guest loses {ForecastText.Time(lost.Median)} (worst start {ForecastText.Time(lost.Most)}), stands still for "
                + $"{ForecastText.Time(downtime.Median)} ({ForecastText.Time(downtime.Most)}), and is over in "
                + $"{ForecastText.Time(time.Median)} ({ForecastText.Time(time.Most)})", 2);
        var simpler = tried.Where(one => !one.IsAdvisable).Select(one => (TriedSetting?)one).FirstOrDefault();
        if (simpler is not null)
            _page.Line(
                $"not within the limits: {SettingText.NameWithChannels(simpler.Setting)}: "
                    + $"{SettingText.WhyNot(simpler, request.Limits)}", 2);
    }

    private void WriteTable(AdviseRequest request, IReadOnlyList<TriedSetting> tried)
    {
        var table = Tables.Create("setting", "ch", "keeps", "loses", "worst", "stops", "time", "worst");
        var shown = new HashSet<(bool, int, Spread?, Spread?, Spread?)>();
        var repeated = 0;
        foreach (var one in tried)
        {
            // What never comes into play does what the setting before it does.
            if (!shown.Add((one.IsAdvisable, one.Setting.Channels, one.GuestLost, one.TotalTime, one.Downtime)) && one.IsAdvisable)
            {
                repeated++;
                continue;
            }

            table.Row(
                SettingText.Name(one.Setting), one.Setting.Channels.ToString(CultureInfo.InvariantCulture),
                one.IsAdvisable
                    ? string.Create(CultureInfo.InvariantCulture, $"{one.Forecasts.Count - one.Failures}/{one.Forecasts.Count}")
                    : SettingText.WhyNot(one, request.Limits),
                ForecastText.Time(one.GuestLost?.Median), ForecastText.Time(one.GuestLost?.Most), ForecastText.Time(one.Downtime?.Median),
                ForecastText.Time(one.TotalTime?.Median), ForecastText.Time(one.TotalTime?.Most));
        }

        _page.Console.Write(table);
        if (repeated > 0)
            _page.Line(
                string.Create(CultureInfo.InvariantCulture, $"{repeated} more settings do what one of these does, and are left out"), 2);
    }

    private void WriteChart(AdviseRequest request, PointOfNoReturn chart)
    {
        _page.Line("point of no return: bandwidth against the speed of the guest");
        var shown = Enumerable.Range(0, chart.Bandwidths.Count).Where(step => step % 2 == 0).ToList();
        var link = chart.Bandwidths.ToList().IndexOf(request.Qemu.LinkBandwidth);
        const int Cell = 4;
        const int Margin = 8;
        foreach (var row in chart.Rows.Reverse())
        {
            var cells = Enumerable.Range(0, chart.Bandwidths.Count).Select(step => new string(MarkOf(row.At(step)), Cell));
            _page.Copyable($"{row.Speed.ToString(CultureInfo.InvariantCulture) + "x",Margin - 2}  {string.Concat(cells)}");
        }

        _page.Copyable(
            new string(' ', Margin) + string.Concat(shown.Select(step => Figures.Bytes(chart.Bandwidths[step]).PadRight(2 * Cell))));
        if (link >= 0) _page.Copyable(new string(' ', Margin + link * Cell) + "^ the link");
        _page.Copyable("  # pre-copy   ~ with auto-converge   + post-copy   . never within the limits");
        _page.Line();
    }

    private void WritePasteable(AdviseRequest request, AdviceSetting setting)
    {
        foreach (var (name, lines) in new[]
        {
            ("QMP", PasteableSettings.Qmp(setting)), ("virsh", PasteableSettings.Virsh(setting)),
            ("KubeVirt", PasteableSettings.KubeVirt(setting, request.Limits, request.Guest.MemoryBytes)),
            ("on Livebed", PasteableSettings.Livebed(setting, request.Limits, request.Guest)),
        })
        {
            _page.Line($"{name}:");
            foreach (var line in lines) _page.Copyable(line);
            _page.Line();
        }
    }

    private static char MarkOf(Carrier carrier) => carrier switch
    {
        Carrier.Precopy => '#',
        Carrier.Throttled => '~',
        Carrier.Postcopy => '+',
        _ => '.',
    };
}
