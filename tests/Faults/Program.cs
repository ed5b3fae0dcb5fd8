using System.CommandLine;
using Livebed.Faults;

// The built command under faults of its machine: docs/faults.md says what is run and how each row may end.
var ci = new Option<bool>("--ci") { Description = "only the rows that CI runs" };
var only = new Option<string?>("--row") { HelpName = "NAME", Description = "only this row; of drawn ones its number" };
var count = new Option<int>("--count") { HelpName = "N", Description = "so many drawn rows instead of the table" };
var seed = new Option<int>("--seed") { HelpName = "S", Description = "decides the drawn rows", DefaultValueFactory = _ => 1 };
var mutants = new Option<bool>("--mutants") { Description = "drawn rows have a defect, and none may be valid" };
var nemesis = new Option<int>("--nemesis") { HelpName = "N", Description = "runs with the command's nemesis until it has made N faults" };
var redis = new Option<string?>("--redis") { HelpName = "HOST:PORT", Description = "the Redis of these runs; it is a fault too" };
var image = new Option<string?>("--image") { HelpName = "DIR", Description = "run this build of the command, such as ./livebed's" };
var root = new RootCommand("Runs the built command under suspensions, quotas, full disks and dead silos.")
{
    ci, only, count, seed, mutants, nemesis, redis, image,
};
root.SetAction(async parsed =>
{
    if (!OperatingSystem.IsLinux())
    {
        Console.WriteLine("skipped: signals, /proc and control groups are Linux'");
        return 0;
    }

    if (parsed.GetValue(nemesis) is > 0 and var faults)
        return await NemesisRuns.RunAsync(faults, parsed.GetValue(seed), parsed.GetValue(redis), parsed.GetValue(image)) ? 0 : 1;
    var rows = parsed.GetValue(count) is > 0 and var drawn
        ? RandomRows.Draw(drawn, parsed.GetValue(seed), parsed.GetValue(mutants))
        : Row.Read(File.ReadAllText(Path.Combine(Repository(), "docs", "faults.md"))).Where(row => row.IsInCi || !parsed.GetValue(ci));
    var results = new List<RowResult>();
    foreach (var row in rows.Where(row => (parsed.GetValue(only) ?? row.Name) == row.Name))
    {
        var result = await RowRun.RunAsync(row, parsed.GetValue(image));
        results.Add(result);
        Console.WriteLine(result);
        if (result.Fault is null || result.IsSkipped) continue;
        Console.WriteLine($"        livebed {string.Join(' ', row.Arguments)}");
        foreach (var line in result.Lines.Take(60)) Console.WriteLine($"        {line}");
    }

    foreach (var group in results.GroupBy(result => result.End).OrderByDescending(group => group.Count()))
        Console.WriteLine($"{group.Count(),5} {group.Key}");
    var failed = results.Count(result => result is { Fault: not null, IsSkipped: false });
    Console.WriteLine($"{results.Count - failed} as they should be, {failed} not");
    return failed == 0 && results.Count > 0 ? 0 : 1;
});
return await root.Parse(args).InvokeAsync();

static string Repository()
{
    var folder = AppContext.BaseDirectory;
    while (!File.Exists(Path.Combine(folder, "Cluster.sln")))
        folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("it runs inside the repository");
    return folder;
}
