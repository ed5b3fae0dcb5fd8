using Livebed.Kvm.Guests;

namespace Livebed.Linux.Recording;

/// <summary>Lists of runs of pages, in ascending order.</summary>
internal static class PageRuns
{
    /// <summary>Appends a run, as part of the last one where they touch or overlap: a walk that was split sees a page twice when it is
    /// written in between.</summary>
    public static void Append(this List<PageRun> runs, long first, long count)
    {
        if (runs.Count > 0 && first <= runs[^1].End)
        {
            var last = runs[^1];
            runs[^1] = last with { Count = Math.Max(last.End, first + count) - last.First };
            return;
        }

        runs.Add(new PageRun(first, count));
    }

    public static long Pages(this IReadOnlyList<PageRun> runs)
    {
        var pages = 0L;
        foreach (var run in runs) pages += run.Count;
        return pages;
    }
}
