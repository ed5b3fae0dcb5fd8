using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Predicting;

/// <summary>Options of forecasts, and how their values are read.</summary>
internal static class OptionValues
{
    /// <param name="name">with its dashes</param>
    /// <param name="value">what `--help` names it</param>
    /// <param name="summary">with the default in brackets</param>
    public static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };

    /// <returns>null where it is not given</returns>
    /// <exception cref="UsageException">It is not allowed.</exception>
    public static T? Value<T>(this ParseResult parsed, Option<string?> option, ValueKind<T> kind) where T : struct
    {
        if (parsed.GetValue(option) is not { } text) return null;
        return kind.Parse(text, out var value) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : value;
    }

    /// <returns>null where it is not given</returns>
    /// <exception cref="UsageException">It is not allowed.</exception>
    public static long? Microseconds(
        this ParseResult parsed, Option<string?> option, TimeSpan min, TimeSpan max, string? unlimited = null) =>
        parsed.Value(option, OperatorUnits.Duration(min, max, unlimited)) is { } time ? (long)time.TotalMicroseconds : null;

    /// <exception cref="UsageException">It is given, and means nothing beside the others.</exception>
    public static void Needs(this ParseResult parsed, Option<string?> option, bool isMet, string allowed)
    {
        if (!isMet && parsed.GetValue(option) is { } text)
            throw new UsageException($"{option.Name} {text}: means nothing here; allowed: {allowed}");
    }
}
