using Livebed.Driver.CommandLine;
using Livebed.Driver.Terminal;
using Livebed.Explorer.Pricing.Worlds;
using Livebed.Kvm.Checks;
using Spectre.Console;

namespace Livebed.Driver.Pricing;

/// <summary>A sweep on the terminal: a table for each headline, where time went at the largest place, and what follows.</summary>
internal sealed class PriceReport(ReportPage page)
{
    private const int NameColumns = 18;
    private const int DesignColumns = 15;

    private static readonly IReadOnlyList<string> _accounts = [.. Enum.GetValues<Account>().Select(KebabCase.Of)];

    public void Write(PriceOutcome outcome)
    {
        var request = outcome.Request;
        page.Line(request.Scenario.Name, style: new Style(decoration: Decoration.Bold));
        page.Line($"claim: {request.Scenario.Claim}", 2);
        page.Line($"by {request.Scenario.ClaimSource}", 2);
        page.Line(
            $"prices {request.Prices.Name} ({request.Prices.Machine}); mmu_lock is a {(request.SpinMmuLock ? "spinlock" : "rwlock")}", 2);
        foreach (var headline in request.Scenario.Headlines) WriteTable(outcome, headline);
        WriteLargest(outcome);
        foreach (var sentence in PriceConclusion.Sentences(outcome.Conclusions, outcome.IsVaried)) page.Line(sentence);
        foreach (var (design, violation) in outcome.Violations)
            page.Line($"{design} violates {violation.Invariant}: {violation.Message}", style: new Style(Color.Red));
    }

    private void WriteTable(PriceOutcome outcome, string headline)
    {
        var request = outcome.Request;
        var fitting = Math.Clamp((page.Console.Profile.Width - NameColumns) / DesignColumns, 1, request.Designs.Count);
        for (var from = 0; from < request.Designs.Count; from += fitting)
        {
            var here = request.Designs.Skip(from).Take(fitting).ToList();
            var table = Tables.Create([headline, .. here.Select(design => Shortened(design.Name))]);
            foreach (var place in outcome.Points.GroupBy(point => (point.Spurious, point.Vcpus)))
                table.Row(
                [
                    PlaceOf(place.First()),
                    .. here.Select(design => PriceText.Of(
                        place.Single(point => point.Design == design.Name).Result.Figures.Single(figure => figure.Name == headline))),
                ]);
            page.Console.Write(table);
        }
    }

    /// <summary>At the largest place: where the vCPUs' time went, and the lock that was waited for most.</summary>
    private void WriteLargest(PriceOutcome outcome)
    {
        var last = outcome.Points.TakeLast(outcome.Request.Designs.Count).ToList();
        page.Line($"at {PlaceOf(last[0])}, in % of the time:");
        foreach (var point in last)
        {
            if (point.Result.Vcpus > 0) page.Line($"{point.Design}: vCPUs {PriceText.Shares(point.Result.VcpuTimes, _accounts)}", 2);
            page.Line($"{point.Design}: others {PriceText.Shares(point.Result.OtherTimes, _accounts)}", 2);
            if (point.Result.Locks.MaxBy(counts => counts.WaitTotal) is { WaitTotal: > 0 } worst)
                page.Line(
                    $"{point.Design}: {worst.Class} ({KebabCase.Of(worst.Mode)}) {Figures.Count(worst.Acquisitions)} taken, "
                        + $"{Figures.Count(worst.Contentions)} waited, "
                        + $"{PriceText.Nanoseconds((double)worst.WaitTotal / worst.Contentions)} "
                        + $"on average, {PriceText.Nanoseconds(worst.WaitMax)} at most", 2);
        }
    }

    private static string PlaceOf(PricedPoint point) => (double.IsNaN(point.Vcpus), double.IsNaN(point.Spurious)) switch
    {
        (true, true) => "alone",
        (true, _) => PriceText.Place(point.Spurious),
        (_, true) => $"{PriceText.Place(point.Vcpus)} vCPUs",
        _ => $"{PriceText.Place(point.Vcpus)} vCPUs, {PriceText.Place(point.Spurious)}",
    };

    private static string Shortened(string name) => name.Length < DesignColumns ? name : name[..(DesignColumns - 2)] + "…";
}
