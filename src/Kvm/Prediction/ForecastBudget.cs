namespace Livebed.Kvm.Prediction;

/// <summary>
/// How much work the forecasts of a recording may be, all together. A recording within its own bounds can still be gone through thousands
/// of times: round after round, at other bandwidths, from other starts. Work is counted, not timed, so the same question always has the
/// same answer. The unit is a page write that a forecast goes through; an interval, a chunk and 64 pages of memory that a round looks at
/// count as one each. Confined to one thread.
/// </summary>
/// <param name="limit">units</param>
public sealed class ForecastBudget(long limit = ForecastBudget.WorkMax)
{
    /// <summary>About twenty seconds of a processor. A minute of a shipped recording that diverges is less than half of it.</summary>
    public const long WorkMax = 1L << 31;

    /// <summary>Units so far.</summary>
    public long Spent { get; private set; }

    /// <exception cref="ForecastBudgetException">It is more than the limit.</exception>
    public void Spend(long work)
    {
        Spent += work;
        if (Spent > limit) throw new ForecastBudgetException(limit);
    }
}

/// <summary>The forecasts are more work than they may be.</summary>
public sealed class ForecastBudgetException(long limit)
    : Exception(FormattableString.Invariant($"its forecasts would go through more than {limit} page writes"));
