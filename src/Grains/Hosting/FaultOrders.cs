using Livebed.Grains.Faults;

namespace Livebed.Grains.Hosting;

/// <summary>Carries out what a driver's nemesis says to this silo.</summary>
public sealed class FaultOrders(SiloLinks links, SiloCalls calls, IGrainFactory grains, IClusterMembershipService membership)
{
    /// <returns>what the order asks for; null when a call did not come back in time, or nothing was asked for</returns>
    public async Task<long?> ObeyAsync(FaultOrder order)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (order.Links is { } now) links.Order(now);
        if (order.CountsCalls) return calls.Struck;
        if (order.Calls is { } fate) return calls.Order(fate);
        if (order.Dead is { } dead) return await DeclareDeadAsync(dead);
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

    private async Task<long?> DeclareDeadAsync(string dead)
    {
        var declared = 0;
        try
        {
            foreach (var member in membership.CurrentSnapshot.Members.Values)
            {
                if (member.Name != dead || member.Status is SiloStatus.Dead) continue;
                await membership.TryKill(member.SiloAddress);
                declared++;
            }

            return declared;
        }
        catch (Exception)
        {
            // The membership table could not be reached; another silo is asked.
            return null;
        }
    }
}
