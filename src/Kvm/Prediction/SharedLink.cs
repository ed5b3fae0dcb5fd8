using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// Migrations of VMs that are alike, several at once over one link. Each gets its share of the link from its beginning to its end, the stop
/// phase included: the others are taken to go on for as long.
/// </summary>
/// <param name="AtOnce">how many go at once</param>
/// <param name="LinkShare">bytes a second that each gets</param>
/// <param name="ByStart">one migration with that share</param>
public sealed record SharedLink(int AtOnce, long LinkShare, ForecastsByStart ByStart)
{
    /// <summary>Whether nine of ten starts complete within the limits.</summary>
    public bool IsLikely => ForecastsByStart.IsLikely(ByStart.Forecasts.Count(forecast => !forecast.Completes), ByStart.Forecasts.Count);

    /// <summary>All of them, one batch after the other, as the median says; null where none completes.</summary>
    public double? AllMilliseconds(int migrations) =>
        ByStart.TotalTime is { } time ? time.Median * ((migrations + AtOnce - 1) / AtOnce) : null;

    /// <summary>One, two, four and so on at once, all of them, and the most with which nine of ten starts complete.</summary>
    /// <param name="workload">what each guest does</param>
    /// <param name="parameters">of each migration</param>
    /// <param name="settings">of each guest</param>
    /// <param name="qemu">with the link that they share</param>
    /// <param name="migrations">how many there are</param>
    public static IReadOnlyList<SharedLink> Of(
        IForecastWorkload workload, MigrationParameters parameters, ForecastSettings settings, QemuSettings qemu, int migrations)
    {
        var known = new SortedDictionary<int, SharedLink>();
        for (var atOnce = 1; atOnce < migrations; atOnce *= 2) known[atOnce] = For(atOnce);
        known[migrations] = For(migrations);
        var most = known.Where(pair => pair.Value.IsLikely).Select(pair => pair.Key).DefaultIfEmpty(0).Max();
        var tooMany = known.Keys.FirstOrDefault(atOnce => atOnce > most);
        while (most > 0 && tooMany - most > 1)
        {
            var middle = most + (tooMany - most) / 2;
            known[middle] = For(middle);
            if (known[middle].IsLikely) most = middle;
            else tooMany = middle;
        }

        return [.. known.Values];

        SharedLink For(int atOnce)
        {
            var share = Math.Max(1, qemu.LinkBandwidth / atOnce);
            var stop = qemu.SwitchoverBandwidth == 0 ? 0 : Math.Max(1, qemu.SwitchoverBandwidth / atOnce);
            return new SharedLink(atOnce, share, ForecastsByStart.Of(
                workload, parameters, settings with { Qemu = qemu with { LinkBandwidth = share, SwitchoverBandwidth = stop } }));
        }
    }
}
