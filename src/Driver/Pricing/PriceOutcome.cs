using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Kvm.World;

namespace Livebed.Driver.Pricing;

/// <summary>What a sweep came to.</summary>
/// <param name="Request">what was asked for</param>
/// <param name="Points">in the order of the command line</param>
/// <param name="Conclusions">at the largest place</param>
/// <param name="IsVaried">whether these say how far they stand</param>
public sealed record PriceOutcome(
    PriceRequest Request, IReadOnlyList<PricedPoint> Points, IReadOnlyList<PriceConclusion> Conclusions, bool IsVaried)
{
    /// <summary>Each check that a design violated, once for each design.</summary>
    public IReadOnlyList<(string Design, Violation Violation)> Violations =>
    [
        .. Points.SelectMany(point => point.Result.Violations.Select(violation => (point.Design, violation)))
            .DistinctBy(one => (one.Design, one.violation.Invariant)),
    ];

    public long Steps => Points.Sum(point => point.Result.Steps);

    /// <summary>Plays the sweep, and its conclusions again.</summary>
    /// <exception cref="OperationCanceledException">Interrupted.</exception>
    public static PriceOutcome Of(PriceRequest request, Action<int, int> progress, CancellationToken interrupt)
    {
        var sweep = new PriceSweep(request, progress, interrupt);
        var points = sweep.Play();
        List<PricedPoint> last = [.. points.Skip(points.Count - request.Designs.Count)];
        var varies = request.HasSensitivity && request.Designs.Count > 1;
        return new PriceOutcome(
            request, points, [.. PriceConclusion.Of(request, last, varies ? sweep.Vary(last) : [])], varies);
    }

    /// <summary>The figures of a scenario that tables and charts have, headlines first.</summary>
    public IReadOnlyList<PricedFigure> FiguresOf(PricedPoint point) =>
        [.. point.Result.Figures.OrderBy(figure => Request.Scenario.Headlines.Contains(figure.Name) ? 0 : 1)];
}
