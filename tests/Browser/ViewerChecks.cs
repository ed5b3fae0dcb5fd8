using PuppeteerSharp;

namespace Livebed.Browser;

/// <summary>What the Aspire dashboard must show of a run: a notification over three silos, and from a fault that began again the way to
/// the invalidation that made it.</summary>
internal static class ViewerChecks
{
    private const int Wide = 1600, Height = 1000, PatienceMilliseconds = 60_000;
    private const string Says = "word => document.body.innerText.includes(word)";

    /// <summary>Of the links of a span's details: what opens the span that one leads to.</summary>
    private const string Link = "tr:has(span[title$='kvm.invalidation']) fluent-button";

    /// <summary>The heading of a span's details.</summary>
    private static string TitleOf(StoredSpan span) => $".details-header-title [title$='{span.Name} ({span.Id[..7]})']";

    /// <param name="browser">the browser</param>
    /// <param name="run">shown in the viewer</param>
    /// <param name="pictures">folder for pictures; null for none</param>
    /// <returns>everything that is not as it should be, a sentence each</returns>
    public static async Task<IReadOnlyList<string>> ProblemsOfAsync(IBrowser browser, ViewedRun run, string? pictures)
    {
        var problems = new List<string>();
        var (notification, fault, cause) = run.Chosen();
        await using var page = await browser.NewPageAsync();
        await page.SetViewportAsync(new ViewPortOptions { Width = Wide, Height = Height });
        await page.GoToAsync(run.Page.AbsoluteUri);
        await SeeAsync("the list of traces", "traces", ["livebed-silo"]);
        await SeeAsync(
            "a notification", $"traces/detail/{notification.TraceId}",
            [notification.Name, "livebed-driver", "silo-0", "silo-1", "silo-2"]);
        await SeeAsync("a retried fault", $"traces/detail/{fault.TraceId}?spanId={fault.Id}", ["kvm.fault", "kvm.invalidation"]);
        await FollowAsync();
        await SeeAsync("its cause", null, ["kvm.invalidation", "kvm.fault"]);
        await SeeAsync("the logs", "structuredlogs", ["Orleans"]);
        await SeeAsync("the metrics", "metrics/resource/livebed-driver", ["livebed.fault.latency"]);
        return problems;

        // From the fault's page by its link to the page of the invalidation.
        async Task FollowAsync()
        {
            var patience = new WaitForFunctionOptions { Timeout = PatienceMilliseconds };
            try
            {
                await page.WaitForFunctionAsync("link => document.querySelector(link)", patience, Link);
                await page.EvaluateFunctionAsync("link => document.querySelector(link).click()", Link);
                await page.WaitForFunctionAsync("title => document.querySelector(title)", patience, TitleOf(cause));
            }
            catch (WaitTaskTimeoutException)
            {
                problems.Add($"a retried fault ({page.Url}) does not lead to its cause");
            }
        }

        async Task SeeAsync(string what, string? path, string[] words)
        {
            if (path is not null) await page.GoToAsync(new Uri(run.Page, $"/{path}").AbsoluteUri);
            foreach (var word in words)
            {
                try
                {
                    await page.WaitForFunctionAsync(Says, new WaitForFunctionOptions { Timeout = PatienceMilliseconds }, word);
                }
                catch (WaitTaskTimeoutException)
                {
                    problems.Add($"{what} ({page.Url}) does not say {word}");
                }
            }

            if (pictures is not null)
                await page.ScreenshotAsync(
                    Path.Combine(Directory.CreateDirectory(pictures).FullName, $"viewer-{string.Join('-', what.Split(' '))}.png"));
        }
    }
}
