using System.Text.Json;
using System.Text.Json.Serialization;

namespace Livebed.Driver.Pricing;

/// <summary>What is drawn of a sweep: each headline over vCPUs, for each share; and over shares, for the most vCPUs.</summary>
internal static class PriceCharts
{
    public static IEnumerable<CurveData> Of(PriceOutcome outcome)
    {
        var request = outcome.Request;
        if (outcome.Points.Count == 0) yield break;
        foreach (var headline in request.Scenario.Headlines)
        {
            if (request.Vcpus.Count > 1)
                foreach (var spurious in request.Spurious)
                    yield return Chart(
                        outcome, headline, double.IsNaN(spurious) ? "" : $", spurious {PriceText.Place(spurious)}", "vCPUs", request.Vcpus,
                        (point, at) => point.Vcpus == at && point.Spurious.Equals(spurious));
            if (request.Spurious.Count > 1)
                yield return Chart(
                    outcome, headline, double.IsNaN(request.Vcpus[^1]) ? "" : $", {PriceText.Place(request.Vcpus[^1])} vCPUs",
                    "share that is spurious", request.Spurious,
                    (point, at) => point.Spurious == at && point.Vcpus.Equals(request.Vcpus[^1]));
        }
    }

    private static CurveData Chart(
        PriceOutcome outcome, string headline, string where, string across, IReadOnlyList<double> places,
        Func<PricedPoint, double, bool> isAt)
    {
        // Of a sweep that was interrupted, some places are missing.
        var order = places.Order().Where(at => outcome.Points.Any(point => isAt(point, at))).ToList();
        var unit = outcome.Points[0].Result.Figures.Single(figure => figure.Name == headline).Unit;
        return new CurveData(
            $"{headline}{where}", across, unit, order,
            [
                .. outcome.Request.Designs.Select(design => new Curve(
                    design.Name,
                    [
                        .. order.Select(at => outcome.Points.Single(
                            point => point.Design == design.Name && isAt(point, at)).Result[headline]),
                    ])),
            ]);
    }
}

/// <summary>Curves over the same places, as curves.js reads them.</summary>
/// <param name="Title">what is drawn</param>
/// <param name="Across">what the places are</param>
/// <param name="Unit">of the values</param>
/// <param name="X">the places, ascending</param>
/// <param name="Curves">one for each design</param>
public sealed record CurveData(string Title, string Across, string Unit, IReadOnlyList<double> X, IReadOnlyList<Curve> Curves)
{
    // The encoder of System.Text.Json escapes what HTML would take for markup.
    public string ToJson() => JsonSerializer.Serialize(this, CurveDataContext.Default.CurveData);
}

/// <summary>One design's values.</summary>
public sealed record Curve(string Name, IReadOnlyList<double> Values);

/// <summary>The generated serialiser of curves.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(CurveData))]
internal sealed partial class CurveDataContext : JsonSerializerContext;
