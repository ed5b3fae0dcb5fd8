using Livebed.Driver.Results;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Comparing;

/// <summary>Groups of runs beside each other: each figure with its median and interval, what differs beyond noise from the first group, and
/// what was broken.</summary>
/// <param name="Differences">keys in which the campaigns differ: what is compared</param>
/// <param name="Groups">at least two; the first is what the others are held against</param>
/// <param name="Figures">those that a run of any group has</param>
public sealed record Comparison(
    IReadOnlyList<CampaignDifference> Differences, IReadOnlyList<ComparedGroup> Groups, IReadOnlyList<ComparedFigure> Figures)
{
    public const int GroupsMax = 16;

    internal static Comparison Of(IReadOnlyList<RunGroup> groups)
    {
        var figures = groups.Select(group => group.Runs
            .SelectMany(run => RunFigure.Of(run.Results)).Where(figure => figure.Value is not null)
            .ToLookup(figure => figure.Name, StringComparer.Ordinal)).ToList();
        var order = RunFigure.Main.ToList();
        var names = figures.SelectMany(own => own.Select(figure => figure.Key)).Distinct(StringComparer.Ordinal)
            .OrderBy(name => order.IndexOf(name) is >= 0 and var place ? place : int.MaxValue).ThenBy(name => name, StringComparer.Ordinal);
        return new Comparison(
            CampaignDifference.Of(groups), [.. groups.Select(ComparedGroup.Of)],
            [
                .. names.Select(name => ComparedFigure.Of(
                    name, figures.SelectMany(own => own[name]).First().Unit,
                    [.. figures.Select(own => own[name].Select(figure => figure.Value!.Value).ToList())])),
            ]);
    }
}

/// <summary>A group: how its runs ended, and what was found in them.</summary>
/// <param name="Name">of the group</param>
/// <param name="Runs">how many</param>
/// <param name="Folders">of the runs</param>
/// <param name="Verdicts">how many runs have each</param>
/// <param name="Broke">what was found, and in how many runs: an invariant, or a hang's kind</param>
/// <param name="Builds">that ran it; figures of two builds differ for that reason too</param>
public sealed record ComparedGroup(
    string Name, int Runs, IReadOnlyList<string> Folders, IReadOnlyDictionary<string, int> Verdicts, IReadOnlyDictionary<string, int> Broke,
    IReadOnlyList<string> Builds)
{
    internal static ComparedGroup Of(RunGroup group) => new(
        group.Name, group.Runs.Count, [.. group.Runs.Select(run => run.Folder)],
        Count(group.Runs.Select(run => KebabCase.Of(run.Results.Verdict))), Count(group.Runs.SelectMany(Found)),
        [.. group.Runs.Select(run => run.Results.Livebed?.Commit ?? "unknown").Distinct(StringComparer.Ordinal)]);

    private static IEnumerable<string> Found(ComparedRun run) => run.Results.Violations.Select(violation => violation.Invariant)
        .Concat(run.Results.Hangs.Select(hang => KebabCase.Of(hang.Kind)))
        .Concat(LeakResult.Kinds.Where(kind => kind.Read(run.Results.Leaks) > 0).Select(kind => $"left behind: {kind.What}"))
        .Distinct(StringComparer.Ordinal);

    private static SortedDictionary<string, int> Count(IEnumerable<string> words) => new(
        words.GroupBy(word => word, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Count()),
        StringComparer.Ordinal);
}

/// <summary>One figure in all groups.</summary>
/// <param name="Name">see <see cref="RunFigure"/></param>
/// <param name="Unit">of the values</param>
/// <param name="Groups">in their order</param>
public sealed record ComparedFigure(string Name, FigureUnit Unit, IReadOnlyList<GroupFigure> Groups)
{
    public bool Differs => Groups.Any(group => group.Differs == true);

    /// <param name="name">of the figure</param>
    /// <param name="unit">of the values</param>
    /// <param name="values">of each group; a run without the figure has none</param>
    public static ComparedFigure Of(string name, FigureUnit unit, IReadOnlyList<IReadOnlyList<double>> values) => new(
        name, unit, [.. values.Select((own, group) => GroupFigure.Of(own, group == 0 ? null : values[0]))]);
}

/// <summary>A figure in one group.</summary>
/// <param name="Values">of the runs</param>
/// <param name="Interval">null where no run has it</param>
/// <param name="PValue">how likely chance alone makes two groups so different, whatever the distribution; null for the first group</param>
/// <param name="Differs">beyond noise from the first group; null where there are too few runs to tell</param>
public sealed record GroupFigure(IReadOnlyList<double> Values, MedianInterval? Interval, double? PValue, bool? Differs)
{
    /// <summary>A page has some hundred figures: of a hundred that do not differ, one is marked.</summary>
    public const double Level = 0.01;

    /// <summary>Runs of each group from which on two groups can be told apart at that level.</summary>
    public const int RunsNeeded = 5;

    public static GroupFigure Of(IReadOnlyList<double> own, IReadOnlyList<double>? first)
    {
        var interval = own.Count == 0 ? null : MedianInterval.Of(own);
        if (first is null || own.Count == 0 || first.Count == 0) return new GroupFigure(own, interval, null, null);
        var probability = RankTest.PValue(own, first);
        var canTell = RankTest.Least(own.Count, first.Count) <= Level;
        return new GroupFigure(own, interval, Math.Round(probability, 6), canTell ? probability <= Level : null);
    }
}
