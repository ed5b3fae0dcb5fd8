namespace Livebed.Kvm.Migration;

/// <summary>
/// When rounds of pre-copy gain nothing any more. A guest has bursts and lulls, so one round that is longer than the one before says
/// nothing: it is the least that the later half of the rounds left that must be less than what the earlier half left at least. A forecast
/// and a migration that runs are judged by the same rule; a migration again at every sync, and a lull may end it.
/// </summary>
public static class Divergence
{
    /// <summary>Less than so much of it is a gain.</summary>
    private const double GainShare = 0.9;

    /// <summary>Whether the rounds so far, by what each left to be sent, gain nothing.</summary>
    public static bool Of(IReadOnlyList<long> remaining) => RoundOf(remaining) is not null;

    /// <summary>The first round that came close to the least that was ever left; null if the rounds still gain, or if there are fewer than
    /// two.</summary>
    public static int? RoundOf(IReadOnlyList<long> remaining)
    {
        if (remaining.Count < 2) return null;
        var (earlier, later) = (long.MaxValue, long.MaxValue);
        for (var round = 0; round < remaining.Count; round++)
        {
            if (round < remaining.Count / 2) earlier = Math.Min(earlier, remaining[round]);
            else later = Math.Min(later, remaining[round]);
        }

        if (later < earlier * GainShare) return null;
        for (var round = 0; ; round++)
            if (remaining[round] * GainShare <= Math.Min(earlier, later))
                return round;
    }
}
