using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Nemesis;

/// <summary>
/// Which faults a run has, when, how long and where: decided by the campaign and its seed alone, before the first of them. Kinds come out
/// of a bag that holds each as often as the mix says; an empty bag is filled again. As many are drawn as begin within the run, and one that
/// could not end within it is left out, which the results say. A number of faults that was asked for fits, or the campaign is refused.
/// silo-0 is neither killed nor stopped: the driver talks through it, and it may have the membership table.
/// </summary>
internal static class NemesisPlan
{
    /// <summary>Faults of a run at most.</summary>
    public const int FaultsMax = 1_000;

    /// <summary>Its own draws, so that those of the load do not depend on it.</summary>
    private const ulong Draws = 1UL << 34;

    /// <summary>Those that are made.</summary>
    public static IReadOnlyList<PlannedFault> Of(Campaign campaign) => [.. Drawn(campaign).Where(fault => Fits(fault, campaign))];

    /// <summary>What is left out is a word in the results; null where nothing is.</summary>
    public static LimitHit? LeftOut(Campaign campaign)
    {
        var late = Drawn(campaign).Where(fault => !Fits(fault, campaign)).ToList();
        if (late.Count == 0) return null;
        var names = late.Select(fault => FormattableString.Invariant(
            $"{KebabCase.Of(fault.Kind)} at {fault.At.TotalSeconds:0.0} s for {fault.Length.TotalSeconds:0.0} s"));
        return new LimitHit(
            "nemesisLeftOut", late.Count, $"drawn too late to end within the run, and left out: {string.Join(", ", names)}");
    }

    private static bool Fits(PlannedFault fault, Campaign campaign) => fault.At + fault.Length < campaign.Duration;

    private static List<PlannedFault> Drawn(Campaign campaign)
    {
        var nemesis = campaign.Nemesis;
        if (!nemesis.IsOn) return [];
        var random = new SeededRandom((ulong)campaign.Seed!.Value).Fork(Draws);
        var (faults, bag) = (new List<PlannedFault>(), new List<NemesisKind>());
        var most = nemesis.Count == 0 ? FaultsMax : nemesis.Count;
        for (var number = 0; faults.Count < most; number++)
        {
            var at = nemesis.Interval * (number + (NemesisSettings.LatestShare * random.NextDouble()));
            if (at >= campaign.Duration) break;
            if (bag.Count == 0) bag.AddRange(Enum.GetValues<NemesisKind>().SelectMany(
                kind => Enumerable.Repeat(kind, nemesis.Mix.GetValueOrDefault(KebabCase.Of(kind)))));
            var drawn = random.Next(bag.Count);
            var kind = bag[drawn];
            bag.RemoveAt(drawn);
            var length = nemesis.LengthOf(kind) * (1 - (nemesis.Vary * random.NextDouble()));
            var fault = new PlannedFault(faults.Count, kind, at, length)
            {
                Cuts = CutsOf(kind, campaign.Silos, random),
                Silo = kind switch
                {
                    NemesisKind.Kill or NemesisKind.Pause => 1 + random.Next(campaign.Silos - 1),
                    NemesisKind.Full => random.Next(campaign.Silos),
                    _ => null,
                },
            };
            faults.Add(fault);
        }

        return faults;
    }

    private static IReadOnlyList<(int From, int To)> CutsOf(NemesisKind kind, int silos, SeededRandom random) => kind switch
    {
        NemesisKind.Cut => Link(silos, random, oneWay: random.Next(2) == 0),
        NemesisKind.Slow => Link(silos, random, oneWay: false),
        NemesisKind.Partition => Partition(silos, random),
        _ => [],
    };

    private static IReadOnlyList<(int From, int To)> Link(int silos, SeededRandom random, bool oneWay)
    {
        var one = random.Next(silos);
        var other = (one + 1 + random.Next(silos - 1)) % silos;
        return oneWay ? [(one, other)] : [(one, other), (other, one)];
    }

    /// <summary>Each group has one silo at least.</summary>
    private static List<(int From, int To)> Partition(int silos, SeededRandom random)
    {
        var order = Enumerable.Range(0, silos).ToList();
        for (var i = silos - 1; i > 0; i--)
        {
            var j = random.Next(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        var size = 1 + random.Next(silos - 1);
        var (one, other) = (order[..size], order[size..]);
        return [.. one.SelectMany(here => other.SelectMany(there => new[] { (here, there), (there, here) }))];
    }
}

/// <summary>A fault before it begins.</summary>
/// <param name="Number">from 0, in the order in which they begin</param>
/// <param name="Kind">what is done</param>
/// <param name="At">when, since the measured part of the run began; later where the one before is not healed yet</param>
/// <param name="Length">how long</param>
internal sealed record PlannedFault(int Number, NemesisKind Kind, TimeSpan At, TimeSpan Length)
{
    /// <summary>The silo that it strikes, or its host; null where it strikes links, calls or Redis.</summary>
    public int? Silo { get; init; }

    /// <summary>Directions between silos that it strikes.</summary>
    public IReadOnlyList<(int From, int To)> Cuts { get; init; } = [];
}
