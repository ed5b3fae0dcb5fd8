using System.Globalization;
using Livebed.Driver.Terminal;
using Livebed.Explorer.Pricing.Scenarios;

namespace Livebed.Driver.Pricing;

/// <summary>Figures of priced runs for people.</summary>
internal static class PriceText
{
    /// <summary>A value of a dimension of the sweep; "-" where there is none.</summary>
    public static string Place(double value) => double.IsNaN(value) ? "-" : value.ToString("0.######", CultureInfo.InvariantCulture);

    public static string Of(PricedFigure figure) => figure.Unit switch
    {
        "ns" => Nanoseconds(figure.Value),
        "%" => figure.Value.ToString("0.00", CultureInfo.InvariantCulture),
        _ => Figures.Count(figure.Value),
    };

    /// <summary>A time, of which nanoseconds are exact: "431ns", "1.23us", "45.6ms".</summary>
    public static string Nanoseconds(double value)
    {
        if (value < 999.5) return value.ToString("0.#", CultureInfo.InvariantCulture) + "ns";
        return value < 99_950 ? (value / 1_000).ToString("0.00", CultureInfo.InvariantCulture) + "us" : Figures.Microseconds(value / 1_000);
    }

    /// <summary>Where time went, in percent of it; shares under a tenth of a percent are left out.</summary>
    public static string Shares(IReadOnlyList<long> times, IReadOnlyList<string> names)
    {
        var sum = (double)times.Sum();
        if (sum == 0) return "-";
        return string.Join(", ", times.Select((time, i) => (names[i], Share: 100 * time / sum)).Where(one => one.Share >= 0.1)
            .OrderByDescending(one => one.Share).Select(one => FormattableString.Invariant($"{one.Item1} {one.Share:0.0}")));
    }
}
