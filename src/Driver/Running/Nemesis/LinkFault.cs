using Livebed.Grains.Faults;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;

namespace Livebed.Driver.Running.Nemesis;

/// <summary>
/// The network between silos fails, for their calls and for pages alike: one link is cut in one direction or in both, or is late and
/// narrow, or all links between two groups are cut. What is sent meanwhile arrives when the link is healed, as TCP would have it.
/// </summary>
/// <param name="cluster">whose network</param>
/// <param name="directions">from silo to silo</param>
/// <param name="order">what becomes of one link; the silo at this end adds which</param>
/// <param name="length">of the fault: then it heals, also without the driver</param>
/// <param name="target">which links, for people</param>
/// <param name="least">how long a call there and back takes at least, where it comes back; null where none does</param>
internal sealed class LinkFault(
    IClusterFaults cluster, IReadOnlyList<(int From, int To)> directions, LinkOrder order, TimeSpan length, string target, TimeSpan? least)
    : INemesisFault
{
    private static readonly TimeSpan Spare = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan NoAnswer = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(10);

    public string Target => target;

    /// <summary>Both ends are told: either may have made the connection.</summary>
    public Task BeginAsync(CancellationToken over) => Task.WhenAll(Ends().Select(
        silo => cluster.OrderAsync(ActorKeys.Silo(silo), new LinkOrders(LinksOf(silo), (int)(length + Spare).TotalMilliseconds))));

    public async Task<string?> FindNoEffectAsync()
    {
        var (from, to) = directions[0];
        var took = await cluster.PingAsync(ActorKeys.Silo(from), ActorKeys.Silo(to), least is null ? NoAnswer : AnswerMax);
        if (least is not { } slowest)
            return took is null ? null : FormattableString.Invariant($"silo-{from} reached silo-{to} in {took} us");
        return took < slowest.TotalMicroseconds
            ? FormattableString.Invariant($"a call from silo-{from} to silo-{to} took only {took} us")
            : null;
    }

    public Task EndAsync(bool isHurried) =>
        Task.WhenAll(Ends().Select(silo => cluster.OrderAsync(ActorKeys.Silo(silo), LinkOrders.None)));

    public async Task<string?> FindNotHealedAsync()
    {
        var pairs = directions.Select(way => (Least: Math.Min(way.From, way.To), Most: Math.Max(way.From, way.To))).Distinct();
        var answers = await Task.WhenAll(pairs.Select(async pair =>
            (Pair: pair, Took: await cluster.PingAsync(ActorKeys.Silo(pair.Least), ActorKeys.Silo(pair.Most), AnswerMax))));
        var silent = answers.Where(answer => answer.Took is null).ToList();
        return silent.Count == 0
            ? null
            : FormattableString.Invariant($"silo-{silent[0].Pair.Least} does not reach silo-{silent[0].Pair.Most}");
    }

    private IEnumerable<int> Ends() => directions.SelectMany(way => new[] { way.From, way.To }).Distinct();

    private IReadOnlyList<LinkOrder> LinksOf(int silo) =>
    [
        .. directions.Where(way => way.From == silo || way.To == silo)
            .GroupBy(way => way.From == silo ? way.To : way.From)
            .Select(other => order with
            {
                Silo = ActorKeys.Silo(other.Key),
                Port = cluster.Ports[other.Key],
                CutsTo = order.CutsTo && other.Any(way => way.From == silo),
                CutsFrom = order.CutsFrom && other.Any(way => way.To == silo),
            }),
    ];
}
