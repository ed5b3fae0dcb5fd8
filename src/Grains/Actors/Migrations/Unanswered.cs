namespace Livebed.Grains.Actors.Migrations;

/// <summary>
/// Which failures of a grain call mean that nobody knows what became of it: the other silo is gone or does not answer, or a silo died while the
/// directory looked the grain up, which Orleans tells the caller as a cancellation. In a migration that is an outcome like any other; every
/// other failure is a defect and is let through.
/// </summary>
internal static class Unanswered
{
    public static bool Is(Exception exception) =>
        exception is TimeoutException or SiloUnavailableException or OrleansMessageRejectionException or Orleans.Runtime.Messaging.ConnectionFailedException
            or OperationCanceledException;

    /// <summary>The call's answer, or <paramref name="lost"/> when there is none.</summary>
    public static async ValueTask<T> OrAsync<T>(T lost, Func<ValueTask<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception exception) when (Is(exception))
        {
            return lost;
        }
    }
}
