using Livebed.Grains.Faults;

namespace Livebed.Grains.Hosting;

/// <summary>Carries out what a driver's nemesis says to this silo.</summary>
public sealed class FaultOrders(SiloLinks links, IGrainFactory grains)
{
    /// <returns>microseconds that a call took; null when none came back in time, or none was asked for</returns>
    public async Task<long?> ObeyAsync(FaultOrder order)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (order.Links is { } now) links.Order(now);
        if (order.Ping is not { } silo) return null;
        var began = TimeProvider.System.GetTimestamp();
        try
        {
            await grains.GetGrain<ISiloProbe>(silo).PingAsync().AsTask().WaitAsync(TimeSpan.FromMilliseconds(order.Milliseconds));
            return (long)TimeProvider.System.GetElapsedTime(began).TotalMicroseconds;
        }
        catch (Exception)
        {
            // No answer, of whatever kind: that is what was asked.
            return null;
        }
    }
}
