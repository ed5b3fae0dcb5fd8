namespace Livebed.Driver;

/// <summary>Folds a text into one line, since error messages of the command are exactly that.</summary>
internal static class OneLine
{
    public static string Of(string text) =>
        string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
