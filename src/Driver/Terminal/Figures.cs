using System.Globalization;

namespace Livebed.Driver.Terminal;

/// <summary>Numbers for people, at most six characters wide: "950", "12.3k", "1.2M"; and "850us", "1.2ms", "34.5s".</summary>
internal static class Figures
{
    private static readonly string[] _thousands = ["", "k", "M", "G", "T", "P", "E"];

    public static string Count(double value)
    {
        var power = 0;
        // 999.95 would be printed as 1000.0.
        while (Math.Abs(value) >= 999.95 && power < _thousands.Length - 1)
        {
            value /= 1000;
            power++;
        }

        return value.ToString(power == 0 && value == Math.Floor(value) ? "0" : "0.#", CultureInfo.InvariantCulture) + _thousands[power];
    }

    public static string Microseconds(double value) => value switch
    {
        < 1_000 => value.ToString("0.#", CultureInfo.InvariantCulture) + "us",
        < 1_000_000 => (value / 1_000).ToString("0.#", CultureInfo.InvariantCulture) + "ms",
        _ => (value / 1_000_000).ToString("0.#", CultureInfo.InvariantCulture) + "s",
    };

    /// <summary>Per second between two counts; 0 when no time passed.</summary>
    public static string Rate(long now, long before, TimeSpan time) =>
        Count(time <= TimeSpan.Zero ? 0 : Math.Round((now - before) / time.TotalSeconds, 1)) + "/s";
}
