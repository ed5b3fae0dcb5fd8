using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;

namespace Livebed.Driver.Comparing;

/// <summary>Runs that are the same but for chance: what is compared is one group with another.</summary>
/// <param name="Name">as the report calls it</param>
/// <param name="Runs">at least one</param>
internal sealed record RunGroup(string Name, IReadOnlyList<ComparedRun> Runs)
{
    /// <summary>Of one group: more repeats than anything needs.</summary>
    public const int RunsMax = 50;

    /// <summary>A folder of a run is a group of one, and a folder with run folders is a group of these.</summary>
    /// <exception cref="UsageException">It is neither, or something in it cannot be read.</exception>
    public static RunGroup Read(string given, string currentFolder)
    {
        var folder = Path.GetFullPath(given, currentFolder);
        if (!Directory.Exists(folder) || File.Exists(Path.Combine(folder, RunFolder.ResultsFile)))
            return new RunGroup(given, [ComparedRun.Read(folder, given)]);
        var runs = Directory.GetDirectories(folder).Where(run => File.Exists(Path.Combine(run, RunFolder.ResultsFile)))
            .Order(StringComparer.Ordinal).ToList();
        if (runs.Count is 0 or > RunsMax)
            throw new UsageException(
                $"{given}: has {runs.Count} run folders; allowed: the folder of a run, or a folder with 1 to {RunsMax} of them");
        return new RunGroup(given, [.. runs.Select(run => ComparedRun.Read(run, Path.Combine(given, Path.GetFileName(run))))]);
    }
}

/// <summary>One run of a group.</summary>
/// <param name="Folder">as it was given</param>
/// <param name="Results">its figures</param>
/// <param name="Campaign">its campaign, key by key</param>
internal sealed record ComparedRun(string Folder, RunResults Results, IReadOnlyDictionary<string, string> Campaign)
{
    public static ComparedRun Read(string folder, string given) => new(
        given, StoredResults.Read(folder, given),
        CampaignText.Read(Path.Combine(folder, RunFolder.CampaignFile), Path.Combine(given, RunFolder.CampaignFile)));
}
