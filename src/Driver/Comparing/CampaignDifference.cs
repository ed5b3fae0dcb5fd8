using Livebed.Driver.Errors;

namespace Livebed.Driver.Comparing;

/// <summary>In which keys the campaigns of all runs differ. Runs of campaigns that differ in more than what is compared say nothing about
/// it, so they are refused.</summary>
/// <param name="Key">of the campaign, as in <c>vms.0.vcpus</c></param>
/// <param name="Values">that it has, and in which run first</param>
public sealed record CampaignDifference(string Key, IReadOnlyList<(string Value, string Run)> Values)
{
    public const string Any = "any";

    private const int NamedMax = 5;

    /// <summary>Chance, and words for people.</summary>
    private static readonly string[] _meaningless = ["seed", "name", "description"];

    internal static IReadOnlyList<CampaignDifference> Of(IReadOnlyList<RunGroup> groups)
    {
        var runs = groups.SelectMany(group => group.Runs).ToList();
        return
        [
            .. runs.SelectMany(run => run.Campaign.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
                .Where(key => !_meaningless.Contains(key))
                .Select(key => new CampaignDifference(key, [
                    .. runs.GroupBy(run => run.Campaign.GetValueOrDefault(key, "not there"), StringComparer.Ordinal)
                        .Select(value => (value.Key, value.First().Folder)),
                ]))
                .Where(difference => difference.Values.Count > 1),
        ];
    }

    /// <param name="groups">to be compared</param>
    /// <param name="across">keys that may differ; a key stands for all below it</param>
    /// <exception cref="UsageException">Others differ, or runs of one group do.</exception>
    internal static void Check(IReadOnlyList<RunGroup> groups, IReadOnlyList<string> across)
    {
        foreach (var group in groups)
            if (Of([group]) is [var inside, ..])
                throw new UsageException($"{group.Name}: {inside}; allowed: runs of one campaign, which differ in their seeds only");
        var others = Of(groups).Where(difference => !across.Any(difference.IsBelow)).ToList();
        if (others.Count == 0) return;
        var more = others.Count > NamedMax ? $"; and {others.Count - NamedMax} more keys" : "";
        throw new UsageException(
            $"compare: {string.Join("; ", others.Take(NamedMax))}{more}; allowed: runs that differ in {string.Join(", ", across)} only, or "
                + $"--across with the keys that are compared, or with {Any}");
    }

    public override string ToString() => $"{Key} is {string.Join(", ", Values.Select(value => $"{value.Value} in {value.Run}"))}";

    private bool IsBelow(string key) => key == Any || Key == key || Key.StartsWith(key + ".", StringComparison.Ordinal);
}
