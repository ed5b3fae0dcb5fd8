namespace Livebed.Grains.Contracts;

/// <summary>
/// Which failures of a grain call mean that nobody knows what became of it: no answer came in time, or a silo is gone. While a silo dies a
/// call may also come back as cancelled although nobody cancelled it: the grain directory gives up its look-ups when the members change,
/// and Orleans hands that to the caller. In a migration, and to the driver, no answer is an outcome like any other; every other failure is
/// a defect and is let through.
/// </summary>
public static class GrainCall
{
    public static bool IsLost(Exception exception) => exception is TimeoutException or OperationCanceledException
        or SiloUnavailableException or OrleansMessageRejectionException or Orleans.Runtime.Messaging
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
