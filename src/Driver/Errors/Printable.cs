using System.Globalization;
using System.Text;

namespace Livebed.Driver.Errors;

/// <summary>Text of a terminal or a log. Names come from files, and what a terminal obeys (escapes, bells, backspaces) must not come from
/// there: each such character is spelled.</summary>
internal static class Printable
{
    /// <summary>Escape sequences of any kind are spelled, as in \x1b; line ends and tabs are left.</summary>
    public static string Of(string text) => text.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0 ? text : Spelled(text, "\n\t");

    /// <summary>In one line: the lines of the text with spaces between them, and everything else that is no text spelled.</summary>
    public static string InOneLine(string text) => Spelled(
        string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)), "");

    private static string Spelled(string text, string allowed)
    {
        var spelled = new StringBuilder(text.Length);
        foreach (var character in text)
        {
            if (!char.IsControl(character) || allowed.Contains(character)) spelled.Append(character);
            else spelled.Append(CultureInfo.InvariantCulture, $"\\x{(int)character:x2}");
        }

        return spelled.ToString();
    }
}
