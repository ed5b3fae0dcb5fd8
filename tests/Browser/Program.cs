using System.CommandLine;
using Livebed.Browser;

// Pages that the command writes, opened in a browser from file:// and without a network: docs/results.md says what they show.
var chromium = new Option<string>("--chromium")
{
    HelpName = "FILE",
    Description = "the browser",
    DefaultValueFactory = _ => "/usr/bin/chromium",
};
var folder = new Option<string?>("--folder") { HelpName = "DIR", Description = "open the report of this run instead" };
var pictures = new Option<string?>("--pictures")
{
    HelpName = "DIR",
    Description = "write a picture of each page, wide and narrow, light and dark",
};
var picture = new Option<string?>("--picture") { HelpName = "FILE", Description = "write the picture for the README, and check nothing" };
var viewer = new Option<bool>("--viewer") { Description = "look at a run in the viewer of `run --view` and of `view` instead" };
var root = new RootCommand("Opens the pages of real runs in Chromium and looks at what they show.")
{
    chromium, folder, pictures, picture, viewer,
};
root.SetAction(async parsed =>
{
    await using var browser = await Browsing.StartAsync(parsed.GetValue(chromium)!);
    if (parsed.GetValue(picture) is { } file)
    {
        using var shown = parsed.GetValue(folder) is { } kept ? ReportedRun.In(kept) : ReportedRun.MakePictured();
        await browser.PictureAsync(shown.Report, file);
        Console.WriteLine($"{file}: {new FileInfo(file).Length} bytes");
        return 0;
    }

    if (parsed.GetValue(viewer))
    {
        using var viewed = ViewedRun.Make();
        var seen = await browser.ProblemsOfAsync(viewed, parsed.GetValue(pictures));
        Console.WriteLine($"run --view: {(seen.Count == 0 ? "as it should be" : string.Join("; ", seen))}");
        viewed.ShowStored();
        var stored = await browser.ProblemsOfAsync(viewed, parsed.GetValue(pictures));
        Console.WriteLine($"view: {(stored.Count == 0 ? "as it should be" : string.Join("; ", stored))}");
        return seen.Count + stored.Count == 0 ? 0 : 1;
    }

    var problems = new List<string>();
    foreach (var make in parsed.GetValue(folder) is { } given ? [() => ReportedRun.In(given)] : ReportedRun.All)
    {
        using var run = make();
        var found = await browser.ProblemsOfAsync(run, parsed.GetValue(pictures));
        Console.WriteLine($"{run.Name}: {(found.Count == 0 ? "as it should be" : string.Join("; ", found))}");
        problems.AddRange(found);
    }

    Console.WriteLine(FormattableString.Invariant($"the slowest page was drawn after {browser.SlowestLoad:0} ms"));
    return problems.Count == 0 ? 0 : 1;
});
return await root.Parse(args).InvokeAsync();
