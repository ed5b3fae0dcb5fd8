using Livebed.Driver.Results;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Livebed.Driver.Reports;

/// <summary>
/// report.html: results.json for people, in one file that refers to nothing outside of itself. It is drawn from the results alone, so that
/// a stored run can be drawn again.
/// </summary>
internal static class HtmlReport
{
    public static async Task<string> RenderAsync(RunResults results)
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        await using var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        return await renderer.Dispatcher.InvokeAsync(async () =>
        {
            var parameters = ParameterView.FromDictionary(new Dictionary<string, object?> { [nameof(ReportDocument.Results)] = results });
            return (await renderer.RenderComponentAsync<ReportDocument>(parameters)).ToHtmlString();
        });
    }
}
