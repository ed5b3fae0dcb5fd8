using PuppeteerSharp;

namespace Livebed.Browser;

/// <summary>What the Aspire dashboard must show of a run: a notification over three silos, and from a fault that began again the way to
/// the invalidation that made it.</summary>
internal static class ViewerChecks
{
    private const int Wide = 1600, Height = 1000, PatienceMilliseconds = 60_000;
    private const string Says = "word => document.body.innerText.includes(word)";

    /// <summary>Of the links of a span's details: what opens the invalidation whose id begins so.</summary>
    private const string Link = """
        id => [...document.querySelectorAll("tr:has(span[title$='kvm.invalidation']) fluent-button")]
            .find(link => link.innerText.includes(id))
        """;

    private const string IsAt = "trace => location.pathname.endsWith(trace)";

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
        var picturePrefix = run.IsStored ? "viewer-stored" : "viewer";
        await page.GoToAsync(run.Page.AbsoluteUri);
        await SeeAsync("the list of traces", "traces", ["livebed-silo"]);
        await SeeAsync(
            "a notification", $"traces/detail/{notification.TraceId}",
            [notification.Name, "livebed-driver", "silo-0", "silo-1", "silo-2"]);
        await SeeAsync("a retried fault", AddressOf(fault), ["kvm.fault", "kvm.invalidation"]);
        await FollowAsync();

        // By its address: after the link the dashboard closes a span's details at times.
        await SeeAsync("its cause", AddressOf(cause), ["kvm.invalidation", "kvm.fault"]);
        if (run.IsStored) return problems;
        await SeeAsync("the logs", "structuredlogs", ["Orleans"]);
        await SeeAsync("the metrics", "metrics/resource/livebed-driver", ["livebed.fault.latency"]);
        return problems;

        static string AddressOf(StoredSpan span) => $"traces/detail/{span.TraceId}?spanId={span.Id}";

        // From the fault's page by its link to the trace of the invalidation.
        async Task FollowAsync()
        {
            var patience = new WaitForFunctionOptions { Timeout = PatienceMilliseconds };
            try
            {
                await page.WaitForFunctionAsync(Link, patience, cause.Id[..7]);
                await page.EvaluateFunctionAsync($"id => ({Link})(id).click()", cause.Id[..7]);
                await page.WaitForFunctionAsync(IsAt, patience, cause.TraceId);
            }
            catch (WaitTaskTimeoutException)
            {
                problems.Add($"a retried fault ({page.Url}) does not lead to its cause");
            }
        }

        async Task SeeAsync(string what, string path, string[] words)
        {
            await page.GoToAsync(new Uri(run.Page, $"/{path}").AbsoluteUri);
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
                    Path.Combine(Directory.CreateDirectory(pictures).FullName, $"{picturePrefix}-{string.Join('-', what.Split(' '))}.png"));
        }
    }
}
