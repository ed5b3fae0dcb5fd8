namespace Livebed.Driver.Tests.BadInputs;

/// <summary>Every key of a campaign with values that it cannot have, on the command line and in a file.</summary>
internal static class BadKeys
{
    private static readonly string[] _values =
        ["", "nonsense!", "-1e99", "1e400", "99999999999999999999", "NaN", "\u001b[31mred", "[1, 2]", "{ a: 1 }", "0x10", "1,5", "--"];

    private static readonly string[] _yamls =
        ["[]", "[1]", "{}", "{ a: 1 }", "~", "&a 1", "!!int 1", "*a", "\"\\e[31m\"", "\"\\0\"", "'", "|\n  a\n  b"];

    public static IEnumerable<BadInput> All()
    {
        foreach (var key in Driver.Campaigns.Campaign.Keys.Document(""))
        {
            var path = key.Path.Replace("[]", ".0", StringComparison.Ordinal);
            foreach (var value in _values)
                // Free text may be nearly anything.
                if (key.Unit != "text" || value.Contains('\u001b', StringComparison.Ordinal))
                    yield return new($"--set {path}={value}", ["run", "c.yaml", "--set", $"{path}={value}"], IsWrong: true, Small());
            foreach (var below in new[] { $"{path}.x", $"{path}.0", $"{path}x", $"x.{path}" })
                yield return new($"--set {below}=1", ["run", "c.yaml", "--set", $"{below}=1"], IsWrong: true, Small());
            foreach (var yaml in _yamls)
                yield return new(
                    $"{key.Path}: {yaml}", ["run", "c.yaml"],
                    // Of a text, a list of lines is a text too.
                    IsWrong: key.Unit != "text" || !yaml.StartsWith('|'), InFile(key.Path, yaml));
        }
    }

    private static Action<TemporaryFolder> Small() => folder => folder.Write("c.yaml", CommandHarness.SmallCampaign);

    /// <summary>A campaign with one key that is wrong, below the sections that the key stands in.</summary>
    private static Action<TemporaryFolder> InFile(string path, string yaml) => folder =>
    {
        var steps = path.Split('.');
        var (text, indent) = ("", 0);
        foreach (var step in steps[..^1])
        {
            var isList = step.EndsWith("[]", StringComparison.Ordinal);
            text += $"{new string(' ', indent)}{step.Replace("[]", "", StringComparison.Ordinal)}:\n";
            indent += 2;
            if (!isList) continue;
            text += $"{new string(' ', indent)}-\n";
            indent += 2;
        }

        var value = yaml.Replace("\n", "\n" + new string(' ', indent), StringComparison.Ordinal);
        text += $"{new string(' ', indent)}{steps[^1]}: {value}\n";
        folder.Write("c.yaml", path.StartsWith("vms", StringComparison.Ordinal) ? text : CommandHarness.SmallCampaign + text);
    };
}
