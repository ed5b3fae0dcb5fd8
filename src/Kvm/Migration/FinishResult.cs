namespace Livebed.Kvm.Migration;

/// <summary>The destination's answer to the end of post-copy.</summary>
/// <param name="Status">Ok when it lacks nothing; Refused when it still does</param>
/// <param name="Blocktime">how long its vCPUs waited; None while they may still</param>
public sealed record FinishResult(StreamStatus Status, PostcopyBlocktime Blocktime)
{
    public static readonly FinishResult Refused = new(StreamStatus.Refused, PostcopyBlocktime.None);

    /// <summary>Nobody has answered.</summary>
    public static readonly FinishResult Lost = new(StreamStatus.Lost, PostcopyBlocktime.None);
}
