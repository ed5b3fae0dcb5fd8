using Livebed.Grains.Hosting;
using Livebed.Grains.Security;
using Microsoft.Extensions.Logging;

namespace Livebed.Driver.Running;

/// <summary>How a driver finds a cluster that is there already.</summary>
/// <param name="Redis">with the membership table</param>
/// <param name="ClusterId">which cluster of that Redis</param>
/// <param name="Secret">that its silos ask for; null where they ask for none</param>
/// <param name="JoinTimeout">how long its silos may take to be there</param>
/// <param name="Certificates">with which driver and silos show that they belong to it; null for no TLS</param>
public sealed record ClusterConnection(
    string Redis, string ClusterId, ClusterSecret? Secret, TimeSpan JoinTimeout, ClusterCertificates? Certificates = null)
{
    public const string UsualId = "livebed";
    public static readonly TimeSpan UsualJoinTimeout = TimeSpan.FromSeconds(60);

    /// <summary>What a look at the cluster needs.</summary>
    internal ClusterSettings Settings => new()
    {
        Redis = Redis,
        ClusterId = ClusterId,
        Secret = Secret,
        Certificates = Certificates,
        StartTimeout = LookMax,
        LogLevel = LogLevel.Error,
    };

    private static readonly TimeSpan LookMax = TimeSpan.FromSeconds(30);
}
