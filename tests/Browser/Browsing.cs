using PuppeteerSharp;

namespace Livebed.Browser;

/// <summary>Chromium without a window and without a network, and what it finds on a page.</summary>
internal sealed class Browsing(IBrowser browser) : IAsyncDisposable
{
    private const int Wide = 1280, Narrow = 420, Height = 900, PictureHeight = 1600;

    /// <summary>What the slowest page took until its scripts had drawn it, in milliseconds.</summary>
    public double SlowestLoad { get; private set; }

    public static async Task<Browsing> StartAsync(string chromium) => new(await Puppeteer.LaunchAsync(new LaunchOptions
    {
        ExecutablePath = chromium,
        Args =
        [
            "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync",
        ],
    }));

    /// <summary>Everything that is not as it should be, a sentence each.</summary>
    /// <param name="run">whose report is opened</param>
    /// <param name="pictures">folder for pictures; null for none</param>
    public async Task<IReadOnlyList<string>> ProblemsOfAsync(ReportedRun run, string? pictures)
    {
        var problems = new List<string>();
        foreach (var (width, scheme) in new[] { (Wide, "light"), (Wide, "dark"), (Narrow, "light"), (Narrow, "dark") })
        {
            await using var page = await browser.NewPageAsync();
            page.Console += (_, said) =>
            {
                if (said.Message.Type is ConsoleType.Error or ConsoleType.Warning) problems.Add($"the console says {said.Message.Text}");
            };
            page.PageError += (_, error) => problems.Add($"a script failed: {error.Message}");
            page.Request += (_, asked) =>
            {
                if (!asked.Request.Url.StartsWith("file:", StringComparison.Ordinal))
                    problems.Add($"the page asks for {asked.Request.Url}");
            };
            await OpenAsync(page, run.Report, width, scheme);
            foreach (var (what, script) in run.IsInvalid ? PageChecks.All.Append(PageChecks.OfInvalid) : PageChecks.All)
                if (await page.EvaluateExpressionAsync<string?>(script) is { Length: > 0 } problem)
                    problems.Add($"{width} pixels, {scheme}: {what}: {problem}");
            if (width == Wide && scheme == "light") problems.AddRange(await KeyboardProblemsAsync(page));
            if (pictures is null) continue;
            var name = string.Join('-', run.Name.Split(Path.GetInvalidFileNameChars().Append(' ').ToArray()));
            await page.ScreenshotAsync(
                Path.Combine(Directory.CreateDirectory(pictures).FullName, $"{name}-{width}-{scheme}.png"),
                new ScreenshotOptions { FullPage = true });
        }

        return problems;
    }

    /// <inheritdoc cref="ViewerChecks.ProblemsOfAsync"/>
    public Task<IReadOnlyList<string>> ProblemsOfAsync(ViewedRun run, string? pictures) =>
        ViewerChecks.ProblemsOfAsync(browser, run, pictures);

    /// <summary>The top of a page as it looks on a laptop, in few bytes.</summary>
    public async Task PictureAsync(string report, string file)
    {
        await using var page = await browser.NewPageAsync();
        await OpenAsync(page, report, Wide, "light");

        // Puppeteer's own pictures have no quality for WebP, the browser's have.
        var taken = await page.Client.SendAsync("Page.captureScreenshot", new
        {
            format = "webp",
            quality = 60,
            captureBeyondViewport = true,
            clip = new { x = 0, y = 0, width = Wide, height = PictureHeight, scale = 1 },
        });
        await File.WriteAllBytesAsync(file, taken!.Value.GetProperty("data").GetBytesFromBase64());
    }

    public ValueTask DisposeAsync() => browser.DisposeAsync();

    /// <summary>Zooms and sorts with keys alone.</summary>
    private static async Task<List<string>> KeyboardProblemsAsync(IPage page)
    {
        var problems = new List<string>();
        await page.FocusAsync("figure[data-lanes] canvas");
        var before = await page.EvaluateExpressionAsync<string>("JSON.stringify(view)");
        await page.Keyboard.PressAsync("+");
        if (await page.EvaluateExpressionAsync<string>("JSON.stringify(view)") == before) problems.Add("+ does not look closer");
        await page.Keyboard.PressAsync("0");
        if (await page.EvaluateExpressionAsync<string>("JSON.stringify(view)") != before) problems.Add("0 does not show the whole run");
        await page.Keyboard.PressAsync("ArrowDown");
        if ((await page.EvaluateExpressionAsync<string>("document.querySelector('.readout').textContent")).Trim().Length == 0)
            problems.Add("an arrow key reads nothing out");
        if (await page.QuerySelectorAsync("#locks") is null) return problems;
        await page.FocusAsync("#locks th:nth-child(3) button");
        await page.Keyboard.PressAsync("Enter");
        if (await page.EvaluateExpressionAsync<string?>(PageChecks.IsSorted("locks", 2)) is { Length: > 0 } problem) problems.Add(problem);
        return problems;
    }

    private async Task OpenAsync(IPage page, string report, int width, string scheme)
    {
        await page.SetViewportAsync(new ViewPortOptions { Width = width, Height = Height });
        await page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = scheme }]);
        await page.GoToAsync(new Uri(report).AbsoluteUri);
        SlowestLoad = Math.Max(
            SlowestLoad, await page.EvaluateExpressionAsync<double>("performance.getEntriesByType('navigation')[0].duration"));
    }
}
