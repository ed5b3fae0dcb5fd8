using System.Diagnostics;
using Livebed.Grains.Faults;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Nemesis;

/// <summary>
/// Some calls between user spaces, and to the inventory, arrive twice or late, in all of the cluster. The protocol says that nothing comes
/// of it (<see cref="Grains.Contracts.AtLeastOnceAttribute"/>): no migration fails for it, and no VM is lost. Its effect is a number of
/// calls; a fault that struck none while it lasted says so.
/// </summary>
/// <param name="cluster">whose calls</param>
/// <param name="orders">what becomes of them; each silo draws by a seed of its own</param>
/// <param name="length">of the fault: then it heals, also without the driver</param>
internal sealed class CallFault(IClusterFaults cluster, CallOrders orders, TimeSpan length) : INemesisFault
{
    private static readonly TimeSpan Spare = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);
    private bool _isHealed;

    public string Target => FormattableString.Invariant($"calls of {cluster.Ports.Count} silos");

    public long Calls { get; private set; }

    public async Task BeginAsync(CancellationToken over)
    {
        var began = Stopwatch.GetTimestamp();
        var seeds = new SeededRandom(orders.Seed);
        await Task.WhenAll(Silos.Select((silo, index) => cluster.OrderAsync(silo, orders with
        {
            Seed = seeds.Fork((ulong)index).State,
            Milliseconds = (int)(length + Spare).TotalMilliseconds,
        })));

        // Calls are made when VMs migrate, so the first one that is struck may be a while away.
        while (await StruckAsync() == 0 && Stopwatch.GetElapsedTime(began) < length && !over.IsCancellationRequested)
            await Task.Delay(Look, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public async Task<string?> FindNoEffectAsync() => await StruckAsync() > 0
        ? null
        : $"no call was {(orders.AreTwice ? "sent twice" : "late")}";

    public async Task EndAsync(bool isHurried)
    {
        var struck = await Task.WhenAll(Silos.Select(silo => cluster.OrderAsync(silo, CallOrders.None)));
        Calls = struck.Sum(calls => calls ?? 0);
        _isHealed = struck.All(calls => calls is not null);
    }

    public Task<string?> FindNotHealedAsync() => Task.FromResult(_isHealed ? null : "a silo did not answer that its calls go as usual");

    private IEnumerable<string> Silos => Enumerable.Range(0, cluster.Ports.Count).Select(ActorKeys.Silo);

    private async Task<long> StruckAsync() => (await Task.WhenAll(Silos.Select(cluster.CallsStruckAsync))).Sum(calls => calls ?? 0);
}
