using System.Text.Json;
using Livebed.Driver.Exploring;
using Livebed.Explorer.Pricing.Worlds;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Driver.Pricing;

/// <summary>What `price --json` prints; docs/price.md explains each field. A field without a value is null, never absent.</summary>
internal static class PriceJson
{
    public static string Write(PriceOutcome outcome) => JsonSerializer.Serialize(
        new
        {
            scenario = outcome.Request.Scenario.Name,
            prices = outcome.Request.Prices.Name,
            mmuLock = outcome.Request.SpinMmuLock ? "spinlock" : "rwlock",
            model = ModelIdentity.Model,
            values = outcome.Request.Values,
            interrupted = outcome.WasInterrupted,
            points = outcome.Points.Select(PointOf),
            conclusions = outcome.Conclusions.Select(one => new
            {
                one.Figure,
                one.Design,
                @base = one.Base,
                vcpus = Number(one.Vcpus),
                spurious = Number(one.Spurious),
                one.Ratio,
                least = outcome.IsVaried ? one.Least : (double?)null,
                one.LeastBy,
                most = outcome.IsVaried ? one.Most : (double?)null,
                one.MostBy,
                stands = outcome.IsVaried ? one.Stands : (bool?)null,
            }),
        }, ExploreJson.Options) + "\n";

    private static object PointOf(PricedPoint point) => new
    {
        point.Design,
        vcpus = Number(point.Vcpus),
        spurious = Number(point.Spurious),
        nanoseconds = point.Result.Nanoseconds,
        steps = point.Result.Steps,
        charges = point.Result.Charges,
        hash = point.Result.Hash.ToString("x16", System.Globalization.CultureInfo.InvariantCulture),
        figures = point.Result.Figures.ToDictionary(figure => figure.Name, figure => figure.Value),
        vcpuTimes = TimesOf(point.Result.VcpuTimes),
        otherTimes = TimesOf(point.Result.OtherTimes),
        locks = point.Result.Locks.Select(counts => new
        {
            @class = counts.Class.Name,
            counts.Mode,
            counts.Acquisitions,
            counts.Contentions,
            waitTotal = counts.WaitTotal,
            waitMax = counts.WaitMax,
            holdTotal = counts.HoldTotal,
            holdMax = counts.HoldMax,
        }),
        violations = point.Result.Violations.Select(ExploreJson.ViolationOf),
    };

    private static Dictionary<string, long> TimesOf(IReadOnlyList<long> times) =>
        Enum.GetValues<Account>().ToDictionary(account => KebabCase.Of(account), account => times[(int)account]);

    private static double? Number(double value) => double.IsNaN(value) ? null : value;
}
