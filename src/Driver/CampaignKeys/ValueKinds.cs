using System.Globalization;
using System.Text.RegularExpressions;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.CampaignKeys;

/// <summary>The types of value that campaign files have.</summary>
internal static partial class ValueKinds
{
    private static readonly (string Suffix, long Factor)[] _times = [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000),
        ("h", 3_600_000_000)];
    private static readonly (string Suffix, long Factor)[] _sizes = [("B", 1), ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30)];

    public static ValueKind<int> Integer(string unit, int min, int max)
    {
        var wide = Long(unit, min, max);
        return new(unit, wide.Allowed, Parse, value => wide.Format(value));

        string? Parse(string text, out int value)
        {
            var problem = wide.Parse(text, out var parsed);
            value = problem is null ? (int)parsed : 0;
            return problem;
        }
    }

    public static ValueKind<long> Long(string unit, long min, long max)
    {
        return new(unit, Invariant($"{min} to {max}"), Parse, value => value.ToString(CultureInfo.InvariantCulture));

        string? Parse(string text, out long value)
        {
            if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value))
                return $"'{text}' is not a whole number";
            return value < min || value > max ? $"{value} is out of range" : null;
        }
    }

    public static ValueKind<int> PowerOfTwo(string unit, int min, int max)
    {
        var any = Integer(unit, min, max);
        return any with { Allowed = $"a power of two, {any.Allowed}", Parse = Parse };

        string? Parse(string text, out int value) =>
            any.Parse(text, out value) ?? (int.IsPow2(value) ? null : $"{value} is not a power of two");
    }

    public static ValueKind<double> Number(string unit, double min, double max)
    {
        return new(unit, Invariant($"{min} to {max}"), Parse, value => value.ToString("R", CultureInfo.InvariantCulture));

        string? Parse(string text, out double value)
        {
            const NumberStyles Decimal = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
            if (!double.TryParse(text, Decimal, CultureInfo.InvariantCulture, out value)) return $"'{text}' is not a number";
            return value >= min && value <= max ? null : $"{text} is out of range";
        }
    }

    public static ValueKind<double> PerSecond() => Number("per second", 0, 1_000_000);

    public static ValueKind<double> Share() => Number("share", 0, 1);

    public static ValueKind<int> Percent() => Integer("percent", 0, 100);

    public static ValueKind<TimeSpan> Duration(TimeSpan min, TimeSpan max)
    {
        var ticks = TimeSpan.TicksPerMicrosecond;
        return new("duration", $"{Format(min)} to {Format(max)}, as in 30s, 500ms or 200us", Parse, Format, Quotable: true);

        string? Parse(string text, out TimeSpan value)
        {
            value = default;
            if (!TryScale(text, _times, out var microseconds)) return $"'{text}' is not a duration";
            value = new TimeSpan(microseconds * ticks);
            return value < min || value > max ? $"{text} is out of range" : null;
        }

        string Format(TimeSpan value) => Scale(value.Ticks / ticks, _times);
    }

    public static ValueKind<long> Size(long min, long max)
    {
        return new("size", $"{Format(min)} to {Format(max)}, as in 64MiB", Parse, Format, Quotable: true);

        string? Parse(string text, out long value)
        {
            if (!TryScale(text, _sizes, out value)) return $"'{text}' is not a size";
            return value < min || value > max ? $"{text} is out of range" : null;
        }

        static string Format(long value) => Scale(value, _sizes);
    }

    /// <summary>Bytes a second.</summary>
    public static ValueKind<long> ByteRate(long min, long max)
    {
        var size = Size(min, max);
        return new("bytes per second", $"{Format(min)} to {Format(max)}, as in 1GiB/s", Parse, Format, Quotable: true);

        string? Parse(string text, out long value)
        {
            value = 0;
            if (!text.EndsWith("/s", StringComparison.Ordinal) || !TryScale(text[..^2], _sizes, out _)) return $"'{text}' is not a rate";
            return size.Parse(text[..^2], out value) is null ? null : $"{text} is out of range";
        }

        string Format(long value) => size.Format(value) + "/s";
    }

    public static ValueKind<bool> Flag()
    {
        return new("flag", "true or false", Parse, value => value ? "true" : "false");

        static string? Parse(string text, out bool value)
        {
            value = text == "true";
            return text is "true" or "false" ? null : $"'{text}' is not true or false";
        }
    }

    public static ValueKind<T> Enum<T>() where T : struct, Enum
    {
        var values = System.Enum.GetValues<T>().ToDictionary(KebabCase.Of);
        return new("name", string.Join(", ", values.Keys), Parse, KebabCase.Of, Quotable: true);

        string? Parse(string text, out T value) => values.TryGetValue(text, out value) ? null : $"'{text}' is unknown";
    }

    public static ValueKind<string> OneOf(IReadOnlyList<string> names)
    {
        return new("name", string.Join(", ", names), Parse, value => value, Quotable: true);

        string? Parse(string text, out string value)
        {
            value = text;
            return names.Contains(text) ? null : $"'{text}' is unknown";
        }
    }

    public static ValueKind<string> Name()
    {
        return new("text", "1 to 64 letters, digits, dots, dashes and underscores", Parse, value => value, Quotable: true);

        static string? Parse(string text, out string value)
        {
            value = text;
            return NamePattern().IsMatch(text) ? null : $"'{text}' is no name";
        }
    }

    /// <summary>A name that is allowed, with a dash for each character that is not.</summary>
    public static string NameLike(string text)
    {
        var name = string.Concat(text.Take(64).Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' ? c : '-'));
        return name.Length == 0 ? "unnamed" : name;
    }

    /// <summary>Text without control characters: it names files, and reaches a terminal.</summary>
    public static ValueKind<string> Text(string allowed, int max)
    {
        return new("text", allowed, Parse, value => value, Quotable: true);

        string? Parse(string text, out string value)
        {
            value = text;
            if (text.Any(char.IsControl)) return "has a control character";
            return text.Length <= max ? null : $"is {text.Length} characters long";
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\A(?<number>-?[0-9]{1,12}(\.[0-9]{1,6})?)(?<unit>[A-Za-z]+)\z")]
    private static partial Regex ScaledPattern();

    private static bool TryScale(string text, (string Suffix, long Factor)[] units, out long value)
    {
        value = 0;
        if (ScaledPattern().Match(text) is not { Success: true } match) return false;
        var factor = units.FirstOrDefault(unit => unit.Suffix == match.Groups["unit"].Value).Factor;
        if (factor == 0) return false;
        var scaled = decimal.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture) * factor;
        if (scaled != decimal.Truncate(scaled) || Math.Abs(scaled) > long.MaxValue / 10) return false;
        value = (long)scaled;
        return true;
    }

    /// <summary>In the largest unit that needs no fraction.</summary>
    private static string Scale(long value, (string Suffix, long Factor)[] units)
    {
        var (suffix, factor) = units.Last(unit => unit.Factor == 1 || (value != 0 && value % unit.Factor == 0));
        return Invariant($"{value / factor}{suffix}");
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}

/// <summary>
/// A type of value: how it is read and written, its unit, and what is allowed, in words. <paramref name="Parse"/> returns what is wrong
/// with a text, or null. A number in quotes is text and refused unless <paramref name="Quotable"/>.
/// </summary>
internal sealed record ValueKind<T>(string Unit, string Allowed, ValueKind<T>.Parser Parse, Func<T, string> Format, bool Quotable = false)
{
    internal delegate string? Parser(string text, out T value);
}
