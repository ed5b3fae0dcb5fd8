using System.Collections.Concurrent;

namespace Livebed.Driver.Comparing;

/// <summary>
/// Mann and Whitney's test of two groups of values, exact and two-sided. U counts the pairs in which the value of the first group is the
/// larger one. If chance alone made the groups, every order of all values is equally likely: the largest value is one of the first group's
/// n in n of n + m cases, and then it beats all m others.
/// </summary>
internal static class RankTest
{
    private static readonly ConcurrentDictionary<(int N, int M), double[]> _atMost = new();

    /// <summary>No pairs, so U is 0.</summary>
    private static readonly double[] _certain = [1];

    /// <summary>How likely chance makes two groups at least so different. Equal values count for the side that makes them more
    /// alike.</summary>
    public static double PValue(IReadOnlyList<double> one, IReadOnlyList<double> other)
    {
        var (above, equal) = (0, 0);
        foreach (var x in one)
            foreach (var y in other)
                (above, equal) = (above + (x > y ? 1 : 0), equal + (x.Equals(y) ? 1 : 0));
        var pairs = one.Count * other.Count;
        return Math.Min(1, 2 * AtMost(one.Count, other.Count, Math.Min(above + equal, pairs - above)));
    }

    /// <summary>The least that it can be for groups of such sizes.</summary>
    public static double Least(int n, int m) => Math.Min(1, 2 * AtMost(n, m, 0));

    private static double AtMost(int n, int m, int u) => _atMost.GetOrAdd((n, m), static sizes =>
    {
        var chances = Chances(sizes.N, sizes.M);
        for (var i = 1; i < chances.Length; i++) chances[i] += chances[i - 1];
        return chances;
    })[u];

    /// <summary>Of each U, from 0 to n times m.</summary>
    private static double[] Chances(int n, int m)
    {
        var before = new double[m + 1][];
        Array.Fill(before, _certain);
        for (var i = 1; i <= n; i++)
        {
            var now = new double[m + 1][];
            now[0] = _certain;
            for (var j = 1; j <= m; j++)
            {
                now[j] = new double[i * j + 1];
                for (var u = 0; u <= i * j; u++)
                {
                    var isOfFirst = u >= j ? before[j][u - j] : 0;
                    var isOfOther = u <= i * (j - 1) ? now[j - 1][u] : 0;
                    now[j][u] = (i * isOfFirst + j * isOfOther) / (i + j);
                }
            }

            before = now;
        }

        return before[m];
    }
}
