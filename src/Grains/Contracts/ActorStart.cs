namespace Livebed.Grains.Contracts;

/// <summary>
/// The call that makes an actor. Calls may overtake it, and the activation that they have made is perhaps on its way out. Such an
/// activation refuses, and the next one is asked.
/// </summary>
public static class ActorStart
{
    private const int AttemptsMax = 20;

    /// <summary>Asks until an activation takes the call.</summary>
    /// <param name="call">false when the activation is on its way out</param>
    /// <returns>false when each of the activations was, which no order of calls explains</returns>
    public static async ValueTask<bool> TryAsync(Func<ValueTask<bool>> call)
    {
        for (var attempt = 0; attempt <= AttemptsMax; attempt++)
            if (await call()) return true;
        return false;
    }
}
