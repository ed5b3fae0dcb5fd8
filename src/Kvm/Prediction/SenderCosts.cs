namespace Livebed.Kvm.Prediction;

/// <summary>
/// What a migration of our own sender takes beside its bytes on the link, part by part. A page is read, checked, sent and stored while the
/// pages before it are on the link, so it costs time only where that takes longer than the link does; set-up, the end of a round and a
/// switchover come on top. <see cref="Measured"/> has what idle guests showed (docs/migration.md), whose memory is of no recording.
/// </summary>
public sealed record SenderCosts
{
    /// <summary>Nothing beside the bytes: the analytic model.</summary>
    public static SenderCosts None { get; } = new();

    public static SenderCosts Measured { get; } = new()
    {
        SetupMicroseconds = 3_300,
        FirstPageMicroseconds = 4,
        PageMicroseconds = 3,
        RoundMicroseconds = 1_000,
        SwitchoverMicroseconds = 5_500,
    };

    /// <summary>Once: the destination prepares, and logging begins.</summary>
    public long SetupMicroseconds { get; init; }

    /// <summary>A page that is stored in memory which the destination's host has never used, so that its machine has to find and clear
    /// it.</summary>
    public double FirstPageMicroseconds { get; init; }

    /// <summary>Any other page.</summary>
    public double PageMicroseconds { get; init; }

    /// <summary>A round: the last batches are answered, and the log is synced.</summary>
    public long RoundMicroseconds { get; init; }

    /// <summary>The switchover beside its pages: the final sync, the state, the new VM, the inventory's answer. For
    /// <see cref="ForecastSettings.SwitchoverCostMicroseconds"/> where nothing else is known.</summary>
    public long SwitchoverMicroseconds { get; init; }

    /// <exception cref="ArgumentOutOfRangeException">A cost is negative.</exception>
    public void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(SetupMicroseconds);
        ArgumentOutOfRangeException.ThrowIfNegative(FirstPageMicroseconds);
        ArgumentOutOfRangeException.ThrowIfNegative(PageMicroseconds);
        ArgumentOutOfRangeException.ThrowIfNegative(RoundMicroseconds);
        ArgumentOutOfRangeException.ThrowIfNegative(SwitchoverMicroseconds);
    }

    /// <summary>Bytes a second with which pages go that this sender sends over this link.</summary>
    /// <param name="link">bytes a second</param>
    /// <param name="pageSize">bytes</param>
    /// <param name="isFirst">whether they are stored in memory that was never used</param>
    public double OnTheLink(double link, int pageSize, bool isFirst)
    {
        var cost = isFirst ? FirstPageMicroseconds : PageMicroseconds;
        return cost > 0 ? Math.Min(link, WireFormat.PageBytes(pageSize) * 1e6 / cost) : link;
    }
}
