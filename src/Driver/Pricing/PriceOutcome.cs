using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Kvm.World;

namespace Livebed.Driver.Pricing;

/// <summary>What a sweep came to.</summary>
/// <param name="Request">what was asked for</param>
/// <param name="Points">in the order of the command line</param>
/// <param name="Conclusions">at the largest place; none if an interrupt came before it was played</param>
/// <param name="IsVaried">whether these say how far they stand</param>
/// <param name="WasInterrupted">places or variations are left out</param>
public sealed record PriceOutcome(
    PriceRequest Request, IReadOnlyList<PricedPoint> Points, IReadOnlyList<PriceConclusion> Conclusions, bool IsVaried,
    bool WasInterrupted)
{
    /// <summary>Places of the sweep at which every design was played, and all that were asked for.</summary>
    public (int Played, int All) Places =>
        (Points.Count / Request.Designs.Count, Request.Vcpus.Count * Request.Spurious.Count);


    /// <summary>Each check that a design violated, once for each design.</summary>
    public IReadOnlyList<(string Design, Violation Violation)> Violations =>
    [
        .. Points.SelectMany(point => point.Result.Violations.Select(violation => (point.Design, violation)))
            .DistinctBy(one => (one.Design, one.violation.Invariant)),
    ];

    public long Steps => Points.Sum(point => point.Result.Steps);

    /// <summary>Plays the sweep, and its conclusions again. An interrupt leaves what was complete.</summary>
    public static PriceOutcome Of(PriceRequest request, Action<int, int> progress, CancellationToken interrupt)
    {
        var sweep = new PriceSweep(request, progress, interrupt);
        var points = sweep.Play();
        var isWhole = points.Count == request.Vcpus.Count * request.Spurious.Count * request.Designs.Count;
        if (!isWhole) return new PriceOutcome(request, points, [], IsVaried: false, WasInterrupted: true);
        List<PricedPoint> last = [.. points.TakeLast(request.Designs.Count)];
        IReadOnlyList<PricedVariation> variations = request.HasSensitivity && request.Designs.Count > 1 ? sweep.Vary(last) : [];
        return new PriceOutcome(
            request, points, [.. PriceConclusion.Of(request, last, variations)], variations.Count > 0,
            interrupt.IsCancellationRequested);
    }

    /// <summary>The figures of a scenario that tables and charts have, headlines first.</summary>
    public IReadOnlyList<PricedFigure> FiguresOf(PricedPoint point) =>
        [.. point.Result.Figures.OrderBy(figure => Request.Scenario.Headlines.Contains(figure.Name) ? 0 : 1)];
}
