namespace Livebed.Driver.Terminal;

/// <summary>Of many rounds the first and the last few are shown, and a row of dots for the others; the JSON has all.</summary>
internal static class RoundCut
{
    private const int First = 16;
    private const int Last = 4;

    /// <summary>What of a list of rounds is shown, in order; null stands for those that are left out.</summary>
    public static IEnumerable<T?> Of<T>(IReadOnlyList<T> rounds)
        where T : class
    {
        if (rounds.Count <= First + Last + 1) return rounds;
        return [.. rounds.Take(First), null, .. rounds.TakeLast(Last)];
    }
}
