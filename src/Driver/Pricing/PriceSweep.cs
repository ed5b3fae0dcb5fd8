using System.Collections.Concurrent;
using Livebed.Explorer.Pricing;
using Livebed.Explorer.Pricing.Scenarios;

namespace Livebed.Driver.Pricing;

/// <summary>A place of the sweep and a design there, played.</summary>
/// <param name="Design">the protocol</param>
/// <param name="Vcpus">not a number where the scenario has none</param>
/// <param name="Spurious">likewise</param>
/// <param name="Result">exact for the prices and the seed</param>
public sealed record PricedPoint(string Design, double Vcpus, double Spurious, PricedResult Result);

/// <summary>Plays a scenario for every design at every place of a sweep, then again for its conclusions. A run is a world of its own, so
/// runs go beside each other, and each comes out the same however many do.</summary>
internal sealed class PriceSweep(PriceRequest request, Action<int, int> progress, CancellationToken interrupt)
{
    private const int SeedsMore = 2;

    private readonly ParallelOptions _parallel = new() { MaxDegreeOfParallelism = Environment.ProcessorCount };

    /// <summary>In the order of the command line: by share, by vCPUs, by design. Of a sweep that is interrupted, the places at which every
    /// design was played.</summary>
    public IReadOnlyList<PricedPoint> Play()
    {
        List<(PricedDesign Design, double Vcpus, double Spurious)> places =
        [
            .. from spurious in request.Spurious
               from vcpus in request.Vcpus
               from design in request.Designs
               select (design, vcpus, spurious),
        ];
        var points = All(places, place => new PricedPoint(
            place.Design.Name, place.Vcpus, place.Spurious, PlayOne(place.Design, place.Vcpus, place.Spurious, request.Prices)));
        return
        [
            .. points.Chunk(request.Designs.Count).Where(place => Array.TrueForAll(place, point => point is not null))
                .SelectMany(place => place),
        ];
    }

    /// <summary>How the figures at one place change when a price is halved or doubled, and when chance is another.</summary>
    /// <param name="points">played there with the prices as they are</param>
    /// <returns>none if the sweep is interrupted: what was not tried could be what a conclusion does not stand</returns>
    public IReadOnlyList<PricedVariation> Vary(IReadOnlyList<PricedPoint> points)
    {
        var (vcpus, spurious) = (points[0].Vcpus, points[0].Spurious);
        var variations = new List<(string What, PriceList Prices, long? Seed)>();
        foreach (var price in PriceNames.All)
        {
            var nanoseconds = request.Prices[price];
            if (nanoseconds == 0 || !points.Any(point => point.Result.Uses(price))) continue;
            variations.Add(($"{PriceNames.NameOf(price)} halved", request.Prices.With((price, nanoseconds / 2)), null));
            variations.Add(($"{PriceNames.NameOf(price)} doubled", request.Prices.With((price, 2 * nanoseconds)), null));
        }

        var seed = (long)request.Values.GetValueOrDefault("seed", request.Scenario.Parameters.First(one => one.Name == "seed").Default);
        for (var more = 1; more <= SeedsMore; more++)
            variations.Add(($"seed {seed + more}", request.Prices, seed + more));
        var results = All(
            [.. from variation in variations from design in request.Designs select (variation, design)],
            one => (one.variation.What, one.design.Name, Result: PlayOne(
                one.design, vcpus, spurious, one.variation.Prices, one.variation.Seed)));
        if (interrupt.IsCancellationRequested) return [];
        return
        [
            .. results.GroupBy(one => one.What)
                .Select(group => new PricedVariation(group.Key, group.ToDictionary(one => one.Name, one => one.Result))),
        ];
    }

    private PricedResult PlayOne(PricedDesign design, double vcpus, double spurious, PriceList prices, long? seed = null)
    {
        var values = new Dictionary<string, double>(request.Values);
        if (!double.IsNaN(vcpus)) values[PricedScenario.Vcpus] = vcpus;
        if (!double.IsNaN(spurious)) values[PricedScenario.Spurious] = spurious;
        if (seed is { } other) values["seed"] = other;
        return request.Scenario.Play(new PricedSetup(design.Source.Protocol, prices)
        {
            CustomProtocol = design.Source.CustomProtocol,
            SpinMmuLock = request.SpinMmuLock,
            Values = values,
            Interrupt = interrupt,
        });
    }

    /// <summary>Results in the order of the places, none for those that an interrupt kept from their end; the largest begin
    /// first.</summary>
    private TResult[] All<TPlace, TResult>(List<TPlace> places, Func<TPlace, TResult> play)
    {
        var results = new TResult[places.Count];
        var done = 0;
        var order = new ConcurrentStack<int>(Enumerable.Range(0, places.Count));
        Parallel.For(0, places.Count, _parallel, (_, loop) =>
        {
            order.TryPop(out var place);
            try
            {
                results[place] = play(places[place]);
            }
            catch (OperationCanceledException)
            {
                loop.Stop();
                return;
            }

            progress(Interlocked.Increment(ref done), places.Count);
        });
        return results;
    }
}

/// <summary>What a change of a price, or of chance, makes of every design.</summary>
public sealed record PricedVariation(string What, IReadOnlyDictionary<string, PricedResult> Results);
