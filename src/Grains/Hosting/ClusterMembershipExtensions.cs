using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Livebed.Grains.Hosting;

/// <summary>
/// Waiting for a cluster to be whole. Placement counts silos, so an actor that is created while a silo has not yet heard of all others
/// may land in another place than the key says.
/// </summary>
public static class ClusterMembershipExtensions
{
    /// <summary>Returns when the silo of <paramref name="host"/> sees <paramref name="silos"/> active silos, itself included.</summary>
    public static async Task WaitForSilosAsync(this IHost host, int silos, CancellationToken cancellationToken)
    {
        var membership = host.Services.GetRequiredService<IClusterMembershipService>();
        await foreach (var snapshot in membership.MembershipUpdates.WithCancellation(cancellationToken))
            if (snapshot.Members.Values.Count(member => member.Status == SiloStatus.Active) >= silos)
                return;
    }
}
