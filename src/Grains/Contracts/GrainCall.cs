namespace Livebed.Grains.Contracts;

/// <summary>
/// Decides which failures of a grain call mean an unknown outcome: no answer came in time, or a silo is gone. While a silo dies a call may
/// also return as cancelled although no code cancelled it: the grain directory gives up its look-ups when the members change, and Orleans
/// passes that to the caller. For a migration and for the driver no answer is a normal outcome. Every other failure is a defect and
/// propagates.
/// </summary>
public static class GrainCall
{
    public static bool IsLost(Exception exception) => exception is TimeoutException or OperationCanceledException
        or SiloUnavailableException or SiloKilledException or OrleansMessageRejectionException or Orleans.Runtime.Messaging
            .ConnectionFailedException or GatewayTooBusyException;

    /// <summary>The call's answer, or <paramref name="lost"/> when there is none.</summary>
    public static async ValueTask<T> OrLostAsync<T>(T lost, Func<ValueTask<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception exception) when (IsLost(exception))
        {
            return lost;
        }
    }
}

/// <summary>A call of the driver went to a silo that it has killed on purpose: the call has no answer, and may have been carried
/// out.</summary>
public sealed class SiloKilledException(string silo) : Exception($"{silo} was killed")
{
    public string Silo { get; } = silo;
}
