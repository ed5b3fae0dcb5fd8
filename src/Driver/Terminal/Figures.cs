using System.Globalization;

namespace Livebed.Driver.Terminal;

/// <summary>Numbers for people, at most six characters wide and three digits precise: "950", "12.3k", "123M"; "850us", "1.2ms", "34.5s".
/// Bytes go by 1024 and are one wider: "204MiB", "1.5GiB".</summary>
internal static class Figures
{
    private static readonly string[] _counts = ["", "k", "M", "G", "T", "P", "E"];
    private static readonly string[] _times = ["us", "ms", "s", "ks", "Ms"];

    private static readonly string[] _bytes = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    public static string Count(double value) => Scale(value, _counts);

    public static string Microseconds(double value) => Scale(value, _times);

    /// <summary>A time in milliseconds, with its unit; "-" for none.</summary>
    public static string Milliseconds(double? value) => value is { } known ? Microseconds(known * 1e3) : "-";

    /// <summary>A median of rounds; "never" for those that do not end, "-" for none.</summary>
    public static string Rounds(double? value) =>
        value is not { } known ? "-" : double.IsInfinity(known) ? "never" : known.ToString("0.#", CultureInfo.InvariantCulture);

    public static string Bytes(double value) => Scale(value, _bytes, 1024);

    /// <summary>Per second between two counts; 0 when no time passed.</summary>
    public static string Rate(long now, long before, TimeSpan time) =>
        Count(time <= TimeSpan.Zero ? 0 : (now - before) / time.TotalSeconds) + "/s";

    private static string Scale(double value, string[] units, int step = 1000)
    {
        var power = 0;
        // From 999.5 on, rounding would make it four digits.
        while (Math.Abs(value) >= 999.5 && power < units.Length - 1)
        {
            value /= step;
            power++;
        }

        var digits = Math.Abs(value) >= 99.95 ? "0" : "0.#";
        return value.ToString(digits, CultureInfo.InvariantCulture) + units[power];
    }
}
