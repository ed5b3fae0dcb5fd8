using Livebed.Grains.Faults;
using Livebed.Grains.Placement;
using Microsoft.Extensions.DependencyInjection;

namespace Livebed.Grains.Hosting;

/// <summary>Faults of a cluster in one process: of its network only, as its silos live and die together.</summary>
internal sealed class EmbeddedFaults(EmbeddedCluster cluster) : IClusterFaults
{
    public IReadOnlyList<int> Ports { get; private set; } = [];
    public ISiloProcesses? Processes => null;

    public void Know(IReadOnlyList<SiloPorts> ports) => Ports = [.. ports.Select(silo => silo.Silo)];

    public Task OrderAsync(string silo, LinkOrders links) => OrdersOf(silo).ObeyAsync(new FaultOrder(0) { Links = links });

    public Task<long?> OrderAsync(string silo, CallOrders calls) => OrdersOf(silo).ObeyAsync(new FaultOrder(0) { Calls = calls });

    public Task<long?> CallsStruckAsync(string silo) => OrdersOf(silo).ObeyAsync(new FaultOrder(0) { CountsCalls = true });

    public Task<long?> PingAsync(string from, string to, TimeSpan patience) =>
        OrdersOf(from).ObeyAsync(new FaultOrder(0) { Ping = to, Milliseconds = (int)patience.TotalMilliseconds });

    private FaultOrders OrdersOf(string silo) =>
        cluster.ServicesOf(ActorKeys.Parse(silo).Index).GetRequiredService<FaultOrders>();
}
