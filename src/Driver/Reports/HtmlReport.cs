using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Livebed.Driver.Reports;

/// <summary>
/// report.html: a run for people, in one file that refers to nothing outside of itself. It is drawn from what the run's folder holds, so
/// that a stored run can be drawn again.
/// </summary>
internal static class HtmlReport
{
    public static Task<string> RenderAsync(ReportContent content) => RenderAsync<ReportDocument>(nameof(ReportDocument.Content), content);

    /// <summary>A page of another kind, from its one parameter.</summary>
    public static async Task<string> RenderAsync<TPage>(string parameter, object content) where TPage : IComponent
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        await using var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        return await renderer.Dispatcher.InvokeAsync(async () =>
        {
            var parameters = ParameterView.FromDictionary(new Dictionary<string, object?> { [parameter] = content });
            return (await renderer.RenderComponentAsync<TPage>(parameters)).ToHtmlString();
        });
    }
}

/// <summary>What a report is drawn from.</summary>
/// <param name="Results">of the run</param>
/// <param name="Charts">over time; null of a run that left none</param>
/// <param name="Tail">the end of its history</param>
/// <param name="Traces">what its traces say; null where they say nothing</param>
/// <param name="TracesLeftOut">why they say nothing, as a sentence; null where there are none, or all is shown</param>
/// <param name="Jaeger">where Jaeger's page is, to which traces are links; null shows their ids</param>
public sealed record ReportContent(
    RunResults Results, RunCharts? Charts, IReadOnlyList<HistoryEvent> Tail, TraceFigures? Traces = null, string? TracesLeftOut = null,
    Uri? Jaeger = null);
