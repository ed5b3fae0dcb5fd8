namespace Livebed.Kvm.Migration;

/// <summary>
/// Decides when rounds of pre-copy gain nothing any more. A guest has bursts and lulls, so one round that is longer than the one before
/// proves nothing. The least that the later half of the rounds left must be less than the least of the earlier half. The rule judges
/// forecasts and running migrations alike. It judges a migration again at every sync, and a lull may end the divergence.
/// </summary>
public static class Divergence
{
    /// <summary>A later minimum below this share of the earlier one is a gain.</summary>
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
