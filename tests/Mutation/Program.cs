using System.CommandLine;
using System.Text.Json;
using Livebed.Mutation;

// Breaks the model by machine, one small change at a time, and hunts each with the explorer. See docs/mutation.md.
if (args is ["survey", var survey])
{
    Survey.Write(survey);
    return 0;
}

if (args is ["hunt", var order])
{
    new Hunt(JsonSerializer.Deserialize<HuntOrder>(File.ReadAllText(order))!, Console.Out).Run();
    return 0;
}

if (args is ["planted", .. var limit] && (limit.Length == 0 || (limit.Length == 1 && int.TryParse(limit[0], out _))))
    return PlantedRun.Start(Directory.GetCurrentDirectory(), limit.Length == 0 ? PlantedRun.ScriptsByDefault : int.Parse(limit[0]));
if (args is ["hunt-planted", var list, var scripts])
    return new PlantedRun(PlantedDefect.ReadFile(list), int.Parse(scripts), Console.Out).Run();

var folders = new Option<string[]>("--folders")
{
    Description = "folders of src/Kvm",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => ["Notifiers", "Memslots", "Paging", "DirtyLog", "Host", "Migration"],
};
var schedules = new Option<int>("--schedules") { Description = "of each scenario, at most", DefaultValueFactory = _ => 2_000 };
var every = new Option<int>("--every") { Description = "a sample: every so many mutations", DefaultValueFactory = _ => 1 };
var offset = new Option<int>("--offset") { Description = "of a sample: how many mutations it leaves out at first" };
var planted = new Option<string?>("--planted")
{
    Description = "a file of defects that a person has planted: they are hunted in place of mutations, as `livebed explore` would",
};
var processes = new Option<int>("--processes") { Description = "hunting at once", DefaultValueFactory = _ => Environment.ProcessorCount };
var only = new Option<string?>("--only") { Description = "mutations whose key has this text" };
var keys = new Option<string?>("--keys") { Description = "a file that names the mutations, a key and perhaps a tab and more on each line" };
var output = new Option<string>("--out") { Description = "file for the table", DefaultValueFactory = _ => "mutation.md" };
var root = new RootCommand("Breaks src/Kvm by machine and hunts each break with the explorer. Run it from the repository's folder.")
{
    folders, schedules, every, offset, processes, only, keys, planted, output,
};
root.SetAction(parsed =>
{
    var repository = Directory.GetCurrentDirectory();
    if (!File.Exists(Path.Combine(repository, "Cluster.sln")))
    {
        Console.Error.WriteLine("run it from the folder of Cluster.sln");
        return 64;
    }

    var hunting = Directory.CreateTempSubdirectory("livebed-mutation-");
    try
    {
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory))
            File.Copy(file, Path.Combine(hunting.FullName, Path.GetFileName(file)));
        var assembly = Path.Combine(hunting.FullName, "Livebed.Kvm.dll");
        var bugs = parsed.GetValue(planted);
        var all = bugs is null
            ? MutatedModel.Emit(repository, parsed.GetValue(folders)!, assembly)
            : PlantedModel.Emit(repository, PlantedDefect.ReadFile(bugs), assembly);
        var named = parsed.GetValue(only) ?? "";
        var listed = parsed.GetValue(keys) is { } lines ? File.ReadLines(lines).Select(line => line.Split('\t')[0]).ToHashSet() : null;
        var mutations = all.Where(mutation => mutation.Key.Contains(named, StringComparison.Ordinal))
            .Where(mutation => listed is null || listed.Contains(mutation.Key)).Skip(parsed.GetValue(offset))
            .Where((_, index) => index % parsed.GetValue(every) == 0).ToList();
        Console.WriteLine($"{mutations.Count} are hunted");
        var verdicts = new Campaign(hunting.FullName, parsed.GetValue(schedules), asExplore: bugs is not null)
            .Run(mutations, parsed.GetValue(processes));
        File.WriteAllText(
            parsed.GetValue(output)!,
            bugs is null ? Report.Of(mutations, verdicts, Judgements.Read(repository)) : Report.OfPlanted(mutations, verdicts));
        File.WriteAllLines(
            Path.ChangeExtension(parsed.GetValue(output)!, ".survivors"),
            verdicts.Where(verdict => verdict.KilledBy is null).Select(verdict => verdict.Key).Order(StringComparer.Ordinal));
        var killed = verdicts.Count(verdict => verdict.KilledBy is not null);
        Console.WriteLine($"{killed} killed of {verdicts.Count}; see {parsed.GetValue(output)}");
        return 0;
    }
    finally
    {
        hunting.Delete(recursive: true);
    }
});
return root.Parse(args).Invoke();
