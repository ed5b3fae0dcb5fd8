namespace Livebed.Driver.Running;

/// <summary>
/// How a grain call fails for which the cluster, and not the grain, is to blame: nobody answered in time, or a silo is gone. One that is on its way while a silo dies may also come back as
/// cancelled, although nobody cancelled it: the grain directory gives up its look-ups when the members change, and Orleans sends that to the caller.
/// </summary>
internal static class NoAnswer
{
    public static bool Is(Exception exception) => exception is TimeoutException or OrleansException or OperationCanceledException;
}
