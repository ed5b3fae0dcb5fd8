using System.CommandLine.Parsing;

namespace Livebed.Silo;

/// <summary>What is wrong with a setting, in words. For text that is no value of its option the parser names a type of .NET; this says what
/// is allowed.</summary>
internal static class SettingErrors
{
    public static string Explain(ParseError error) =>
        error.SymbolResult is OptionResult { Option: var option, Tokens: [var token] }
            && error.Message.Contains($"'{option.ValueType}'", StringComparison.Ordinal)
            ? $"{option.Name} {token.Value}: is not {FormOf(option.ValueType)}"
            : error.Message;

    private static string FormOf(Type type) =>
        type.IsEnum ? $"one of {string.Join(", ", Enum.GetNames(type))}"
        : type == typeof(double) ? "a number"
        : type == typeof(bool) ? "true or false"
        : "a whole number, or too large";
}
