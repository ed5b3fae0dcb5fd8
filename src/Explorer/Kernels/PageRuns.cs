using System.Globalization;

namespace Livebed.Explorer.Kernels;

/// <summary>A set of page numbers as the text has it: "none", or runs in rising order, as in "0-3,7".</summary>
public sealed class PageRuns : IEquatable<PageRuns>
{
    private readonly SortedSet<long> _pages;

    public PageRuns(IEnumerable<long> pages) => _pages = [.. pages];

    public static PageRuns None { get; } = new([]);

    public IReadOnlyCollection<long> Pages => _pages;

    public bool Contains(long page) => _pages.Contains(page);

    /// <summary>Null for a text that is no set of pages below <paramref name="end"/>, or not in rising order.</summary>
    public static PageRuns? Parse(string text, long end)
    {
        if (text == "none") return None;
        var pages = new List<long>();
        foreach (var run in text.Split(','))
        {
            var ends = run.Split('-');
            if (ends.Length > 2 || !TryParse(ends[0], out var first) || !TryParse(ends[^1], out var last)) return null;
            if (last < first || last >= end || (pages.Count > 0 && first <= pages[^1])) return null;
            for (var page = first; page <= last; page++) pages.Add(page);
        }

        return new PageRuns(pages);
    }

    public bool Equals(PageRuns? other) => other is not null && _pages.SetEquals(other._pages);

    public override bool Equals(object? obj) => Equals(obj as PageRuns);

    public override int GetHashCode() => _pages.Count;

    public override string ToString()
    {
        var runs = new List<string>();
        long? first = null;
        var last = 0L;
        foreach (var page in _pages)
        {
            if (first is not null && page == last + 1)
            {
                last = page;
                continue;
            }

            if (first is { } begun) runs.Add(Run(begun, last));
            (first, last) = (page, page);
        }

        if (first is { } open) runs.Add(Run(open, last));
        return runs.Count == 0 ? "none" : string.Join(',', runs);
    }

    private static bool TryParse(string text, out long page) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out page);

    private static string Run(long first, long last) =>
        first == last ? first.ToString(CultureInfo.InvariantCulture) : FormattableString.Invariant($"{first}-{last}");
}
