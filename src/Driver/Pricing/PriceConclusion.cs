using System.Globalization;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Pricing;

/// <summary>
/// A sentence about two designs at one place, with how far it stands: the ratio of a figure of one design to that of another, and what the
/// ratio becomes when each price is halved and doubled, one at a time, and with other seeds.
/// </summary>
/// <param name="Figure">what is compared</param>
/// <param name="Design">of which it is</param>
/// <param name="Base">beside which it stands</param>
/// <param name="Vcpus">not a number where the scenario has none</param>
/// <param name="Spurious">likewise</param>
/// <param name="Ratio">with the prices as they are</param>
/// <param name="Least">of all changes; the ratio itself where none was tried</param>
/// <param name="LeastBy">the change that gave it; null where none was tried</param>
/// <param name="Most">likewise</param>
/// <param name="MostBy">likewise</param>
public sealed record PriceConclusion(
    string Figure, string Design, string Base, double Vcpus, double Spurious, double Ratio, double Least, string? LeastBy, double Most,
    string? MostBy)
{
    /// <summary>Ratios nearer to one than this are called the same.</summary>
    public const double Same = 0.005;

    /// <summary>Whether the order of the two is the same under every change.</summary>
    public bool Stands => IsSame(Ratio) ? IsSame(Least) && IsSame(Most) : Ratio > 1 ? Least > 1 : Most < 1;

    /// <summary>Of the first headlines of a scenario, for each design but the base.</summary>
    /// <param name="request">what was asked for</param>
    /// <param name="points">of one place</param>
    /// <param name="variations">of the same place; none where they were not asked for</param>
    public static IEnumerable<PriceConclusion> Of(
        PriceRequest request, IReadOnlyList<PricedPoint> points, IReadOnlyList<PricedVariation> variations)
    {
        var based = points.FirstOrDefault(point => point.Design == ProtocolCatalog.ActiveCount) ?? points[0];
        foreach (var figure in request.Scenario.Headlines)
            foreach (var point in points)
            {
                if (point == based || based.Result[figure] == 0 || point.Result[figure] == 0) continue;
                var ratio = point.Result[figure] / based.Result[figure];
                (double Ratio, string? By) least = (ratio, null), most = (ratio, null);
                foreach (var variation in variations)
                {
                    var (one, other) = (variation.Results[point.Design][figure], variation.Results[based.Design][figure]);
                    if (other == 0) continue;
                    if (one / other < least.Ratio) least = (one / other, variation.What);
                    if (one / other > most.Ratio) most = (one / other, variation.What);
                }

                yield return new PriceConclusion(
                    figure, point.Design, based.Design, point.Vcpus, point.Spurious, ratio, least.Ratio, least.By, most.Ratio, most.By);
            }
    }

    /// <summary>A line for all designs of which the same is to be said.</summary>
    public static IEnumerable<string> Sentences(IEnumerable<PriceConclusion> conclusions, bool isVaried) =>
        conclusions.GroupBy(one => one.SaidOf("…", isVaried))
            .Select(group => group.First().SaidOf(string.Join(", ", group.Select(one => one.Design)), isVaried));

    private string SaidOf(string designs, bool isVaried)
    {
        var said = $"{Figure} of {designs} is {(IsSame(Ratio) ? "that" : $"{Text(Ratio)} times that")} of {Base}{At}";
        if (!isVaried) return said;
        var range = LeastBy is null && MostBy is null
            ? "the same whatever price is halved or doubled"
            : $"{Text(Least)}{By(LeastBy)} to {Text(Most)}{By(MostBy)}";
        return $"{said}; {range}{(Stands ? "" : ", so the order does not stand")}";
    }

    private string At => (double.IsNaN(Vcpus), double.IsNaN(Spurious)) switch
    {
        (true, _) => "",
        (_, true) => $" at {PriceText.Place(Vcpus)} vCPUs",
        _ => $" at {PriceText.Place(Vcpus)} vCPUs and {PriceText.Place(Spurious)}",
    };

    private static string By(string? what) => what is null ? "" : $" ({what})";

    private static bool IsSame(double ratio) => Math.Abs(ratio - 1) < Same;

    private static string Text(double ratio) => ratio.ToString(ratio >= 100 ? "0" : "0.00", CultureInfo.InvariantCulture);
}
