using System.Text;
using System.Text.Json;

namespace Livebed.Kvm.Checks;

/// <summary>The one spelling of names of code in campaigns, results, histories, traces and on the command line: <c>DirtyLogGet</c> is
/// <c>dirty-log-get</c>.</summary>
public static class KebabCase
{
    /// <summary>The same spelling as a policy for JSON.</summary>
    public static JsonNamingPolicy InJson { get; } = new KebabCasePolicy();

    public static string Of(string name)
    {
        var text = new StringBuilder(name.Length + 4);
        foreach (var letter in name)
        {
            if (char.IsUpper(letter) && text.Length > 0) text.Append('-');
            text.Append(char.ToLowerInvariant(letter));
        }

        return text.ToString();
    }

    public static string Of<T>(T value) where T : struct, Enum => Of(value.ToString());
}

internal sealed class KebabCasePolicy : JsonNamingPolicy
{
    public override string ConvertName(string name) => KebabCase.Of(name);
}
