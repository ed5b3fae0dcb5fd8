using System.Globalization;
using System.Text.RegularExpressions;
using Livebed.Driver.CampaignKeys;

namespace Livebed.Driver.Predicting;

/// <summary>
/// Values as operators have them: beside the units of campaigns those of links (10Gbit/s), of libvirt's XML and of KubeVirt's quantities.
/// A unit that two of them read differently is refused by its name, and so is a number without one. A bare 0 lifts a limit, where there
/// is one to lift.
/// </summary>
internal static partial class OperatorUnits
{
    private static readonly Dictionary<string, decimal> _bytes = new(StringComparer.Ordinal)
    {
        ["B"] = 1,
        ["KiB"] = 1L << 10,
        ["MiB"] = 1L << 20,
        ["GiB"] = 1L << 30,
        ["TiB"] = 1L << 40,
        ["Ki"] = 1L << 10,
        ["Mi"] = 1L << 20,
        ["Gi"] = 1L << 30,
        ["Ti"] = 1L << 40,
        ["kB"] = 1_000,
        ["KB"] = 1_000,
        ["MB"] = 1_000_000,
        ["GB"] = 1_000_000_000,
        ["TB"] = 1_000_000_000_000,
    };

    private static readonly Dictionary<string, decimal> _bits = new(StringComparer.Ordinal)
    {
        ["bit"] = 1,
        ["kbit"] = 1_000,
        ["Mbit"] = 1_000_000,
        ["Gbit"] = 1_000_000_000,
        ["Tbit"] = 1_000_000_000_000,
    };

    /// <summary>Bytes a second.</summary>
    /// <param name="min">least</param>
    /// <param name="max">most</param>
    /// <param name="unlimited">what a bare 0 means; null where it means nothing</param>
    public static ValueKind<long> Rate(long min, long max, string? unlimited = null)
    {
        var usual = ValueKinds.ByteRate(min, max);
        var allowed = $"{usual.Format(min)} to {usual.Format(max)}, as in 1GiB/s or 10Gbit/s";
        return usual with { Allowed = unlimited is null ? allowed : $"{allowed}; 0 is {unlimited}", Parse = Parse };

        string? Parse(string text, out long value)
        {
            value = 0;
            if (unlimited is not null && text == "0") return null;
            if (Bare().IsMatch(text)) return $"'{text}' has no unit, and virsh means MiB/s, QMP bytes/s";
            if (!Split(text, out var number, out var unit)) return $"'{text}' is not a rate";
            if (RefusedUnit(text, unit.EndsWith("/s", StringComparison.Ordinal) ? unit[..^2] : unit) is { } refused) return refused;
            if (!TryBytesPerSecond(unit, out var factor)) return $"'{text}' is not a rate";
            return Scaled(text, number, factor, min, max, out value);
        }
    }

    public static ValueKind<long> Size(long min, long max)
    {
        var usual = ValueKinds.Size(min, max);
        return usual with { Parse = Parse };

        string? Parse(string text, out long value)
        {
            value = 0;
            if (Bare().IsMatch(text)) return $"'{text}' has no unit, and libvirt means KiB, QEMU's -m MiB";
            if (!Split(text, out var number, out var unit)) return $"'{text}' is not a size";
            if (RefusedUnit(text, unit) is { } refused) return refused;
            return _bytes.TryGetValue(unit, out var factor) ? Scaled(text, number, factor, min, max, out value) : $"'{text}' is not a size";
        }
    }

    public static ValueKind<TimeSpan> Duration(TimeSpan min, TimeSpan max, string? unlimited = null)
    {
        var usual = ValueKinds.Duration(min, max);
        return usual with { Allowed = unlimited is null ? usual.Allowed : $"{usual.Allowed}; 0 is {unlimited}", Parse = Parse };

        string? Parse(string text, out TimeSpan value)
        {
            value = default;
            if (unlimited is not null && text == "0") return null;
            return Bare().IsMatch(text)
                ? $"'{text}' has no unit, and virsh means s in --timeout, ms in migrate-setmaxdowntime"
                : usual.Parse(text, out value);
        }
    }

    /// <summary>A duration, or one for each GiB of memory, as KubeVirt's <c>completionTimeoutPerGiB</c> and Nova have it.</summary>
    public static ValueKind<TimeLimit> TimeLimit(TimeSpan min, TimeSpan max, bool hasNone = true)
    {
        var whole = Duration(min, max, hasNone ? "no limit" : null);
        return new("duration", $"{whole.Allowed}; or for each GiB of memory, as in 150s/GiB", Parse, limit => whole.Format(limit.Duration));

        string? Parse(string text, out TimeLimit value)
        {
            const string EachGib = "/GiB";
            var isPerGib = text.EndsWith(EachGib, StringComparison.Ordinal);
            var problem = whole.Parse(isPerGib ? text[..^EachGib.Length] : text, out var duration);
            value = new TimeLimit(duration, isPerGib);
            return problem;
        }
    }

    private static bool TryBytesPerSecond(string unit, out decimal factor)
    {
        const string EachSecond = "/s";
        // A quantity of KubeVirt's bandwidthPerMigration has no "/s".
        if (unit.EndsWith('i') && _bytes.TryGetValue(unit, out factor)) return true;
        if (unit.EndsWith(EachSecond, StringComparison.Ordinal))
        {
            if (_bytes.TryGetValue(unit[..^EachSecond.Length], out factor)) return true;
            if (_bits.TryGetValue(unit[..^EachSecond.Length], out factor))
            {
                factor /= 8;
                return true;
            }
        }

        factor = 0;
        // "Gbps" is bits wherever it is used.
        if (!unit.EndsWith("bps", StringComparison.Ordinal) || !_bits.TryGetValue(unit[..^2] + "it", out var bits)) return false;
        factor = bits / 8;
        return true;
    }

    /// <summary>Why a unit is refused although it is one; null for another.</summary>
    private static string? RefusedUnit(string text, string unit) => unit switch
    {
        "K" or "k" or "M" or "G" or "T" => $"'{text}' is a power of 1024 to libvirt and of 1000 to KubeVirt",
        "b" or "kb" or "Kb" or "Mb" or "Gb" or "Tb" => $"'{text}' is bits to some and bytes to others",
        "bytes" or "m" or "E" or "P" => $"the unit of '{text}' is not known here",
        _ => null,
    };

    private static string? Scaled(string text, decimal number, decimal factor, long min, long max, out long value)
    {
        value = 0;
        var scaled = number * factor;
        if (scaled != decimal.Truncate(scaled)) return $"{text} is no whole number of bytes";
        if (scaled < min || scaled > max) return $"{text} is out of range";
        value = (long)scaled;
        return null;
    }

    private static bool Split(string text, out decimal number, out string unit)
    {
        var match = Quantity().Match(text);
        number = match.Success ? decimal.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture) : 0;
        unit = match.Groups["unit"].Value;
        return match.Success;
    }

    [GeneratedRegex(@"\A-?[0-9]{1,12}(\.[0-9]{1,6})?\z")]
    private static partial Regex Bare();

    [GeneratedRegex(@"\A(?<number>-?[0-9]{1,12}(\.[0-9]{1,6})?)(?<unit>[A-Za-z]+(/s)?)\z")]
    private static partial Regex Quantity();
}

/// <summary>A time limit as it was given.</summary>
/// <param name="Duration">0 for none</param>
/// <param name="IsPerGib">for each GiB of the guest's memory</param>
internal readonly record struct TimeLimit(TimeSpan Duration, bool IsPerGib)
{
    /// <param name="memoryBytes">of the guest</param>
    public long MicrosecondsOf(double memoryBytes)
    {
        var whole = Duration.TotalMicroseconds * (IsPerGib ? memoryBytes / (1L << 30) : 1);
        // What is given is a limit, however small the memory is.
        return Duration == TimeSpan.Zero ? 0 : Math.Max(1_000, (long)Math.Min(whole, TimeSpan.FromDays(365).TotalMicroseconds));
    }
}
