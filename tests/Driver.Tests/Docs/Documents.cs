using System.Text.RegularExpressions;

namespace Livebed.Driver.Tests.Docs;

/// <summary>The Markdown of the repository, as far as the tests read it: code blocks, inline code, table rows, links.</summary>
internal static partial class Documents
{
    /// <summary>README, ARCHITECTURE, CONTRIBUTING and everything under docs, by path from the root.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md",
        .. Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/')).Order(StringComparer.Ordinal),
    ];

    /// <summary>Contents of the fenced blocks of a language.</summary>
    public static IEnumerable<string> Blocks(string document, string language) =>
        FencedBlock().Matches(Repository.File(document))
            .Where(match => match.Groups["language"].Value == language).Select(match => match.Groups["text"].Value);

    /// <summary>What stands between backticks outside of fenced blocks.</summary>
    public static IEnumerable<string> InlineCode(string document) =>
        CodeSpan().Matches(FencedBlock().Replace(Repository.File(document), "")).Select(match => match.Groups["text"].Value);

    /// <summary>Targets of links within the repository, without the part after '#'.</summary>
    public static IEnumerable<string> Links(string document) =>
        Link().Matches(Repository.File(document)).Select(match => match.Groups["target"].Value.Split('#')[0])
            .Where(target => target.Length > 0 && !target.Contains("://", StringComparison.Ordinal));

    /// <summary>Cells of the rows of the first table below a heading, without its two head rows.</summary>
    public static IReadOnlyList<string[]> Table(string document, string heading) =>
    [
        .. Repository.File(document).Split('\n').SkipWhile(line => line != heading).Skip(1)
            .TakeWhile(line => !line.StartsWith('#'))
            .SkipWhile(line => !line.StartsWith('|')).TakeWhile(line => line.StartsWith('|')).Skip(2)
            .Select(line => line.Trim('|').Split(" | ").Select(cell => cell.Trim()).ToArray()),
    ];

    [GeneratedRegex(
        @"^```(?<language>\w*)\n(?<text>.*?)^```$",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex FencedBlock();

    [GeneratedRegex(@"`(?<text>[^`\n]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Link();
}
