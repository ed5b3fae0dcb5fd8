using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.Docs;

/// <summary>
/// Every command line of the documents is run up to where the cluster would start: it parses, its campaign is there and is checked, and its
/// protocol, mutant and keys are known. The user's own campaign in them is the example that the document gives.
/// </summary>
public sealed class DocumentedCommandsTests
{
    private const string DotnetRun = "dotnet run -c Release --project src/Driver";
    private const string Script = "./livebed";
    private const string Livebed = "livebed ";
    private const string TestCommand = "dotnet test -c Release Cluster.sln";

    public static TheoryData<string, string> All
    {
        get
        {
            // A command that several documents give is run for one; a replay and a campaign are of their own document.
            var once = new HashSet<string>(StringComparer.Ordinal);
            var data = new TheoryData<string, string>();
            foreach (var document in Documents.All)
                foreach (var arguments in CommandsOf(document).Distinct(StringComparer.Ordinal))
                    if (once.Add(arguments) || IsOfItsDocument(arguments))
                        data.Add(document, arguments);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Every_command_is_accepted(string document, string arguments)
    {
        using var harness = new CommandHarness();
        var example = Documents.Blocks(document, "yaml")
            .FirstOrDefault(block => block.StartsWith("# campaigns/mine.yaml", StringComparison.Ordinal));
        if (example is not null)
        {
            Directory.CreateDirectory(harness.Folder.PathOf("campaigns"));
            harness.Folder.Write(Path.Combine("campaigns", "mine.yaml"), example);
        }

        // A replay is of what the document has found before.
        if (arguments.StartsWith("replay ", StringComparison.Ordinal))
            foreach (var other in CommandsOf(document))
                if (other.StartsWith("explore ", StringComparison.Ordinal) && other.Contains("--mutant", StringComparison.Ordinal))
                    await harness.RunAsync(Words(other));

        // A bench is real too, and its goals are those of a machine that does nothing else: here it only has to come to its end.
        var isBench = arguments.StartsWith("bench ", StringComparison.Ordinal);
        var code = await harness.RunAsync(Shortened(Words(arguments)));
        // The runner of the tests does next to nothing, so a minimum may make the run unknown; usage errors are 64. The explorer is real,
        // and finds what the document says that it finds.
        var mayBeInvalid = arguments.StartsWith("replay ", StringComparison.Ordinal)
            || (arguments.StartsWith("explore ", StringComparison.Ordinal) && arguments.Contains("--mutant", StringComparison.Ordinal));
        Assert.True(
            code is ExitCodes.Valid or ExitCodes.Unknown || (mayBeInvalid && code == ExitCodes.Invalid)
                || (isBench && code == ExitCodes.NotWithinLimits), $"{document}: {arguments}: {code} {harness.Error}");
    }

    [Fact]
    public void The_readme_gives_both_commands_and_one_test_command()
    {
        var commands = Documents.Blocks("README.md", "sh")
            .SelectMany(block => block.Split('\n', StringSplitOptions.RemoveEmptyEntries)).ToList();
        Assert.Equal(DotnetRun, commands[0]);
        Assert.Equal(TestCommand, Assert.Single(commands, command => command.StartsWith("dotnet test", StringComparison.Ordinal)));
        Assert.All(
            commands.Skip(1),
            command => Assert.True(command == TestCommand || command.StartsWith(Script, StringComparison.Ordinal), command));
    }

    [Fact]
    public void The_campaign_of_the_readme_is_complete()
    {
        var example = Assert.Single(Documents.Blocks("README.md", "yaml"));
        using var folder = new TemporaryFolder();
        var campaign = new CampaignReader(new(folder.FullPath, folder.FullPath), _ => 1).Read(folder.Write("mine.yaml", example), []);
        Assert.Equal(TimeSpan.FromSeconds(10), campaign.Duration);
        Assert.Equal("mine", campaign.Name);
    }

    private static bool IsOfItsDocument(string arguments) =>
        arguments.StartsWith("replay ", StringComparison.Ordinal) || arguments.Contains("mine", StringComparison.Ordinal);

    /// <summary>A bench of migrations and a hunt for all mutants are real and take long: a small memory; one seed, and one mutant, since
    /// the explorer's tests hunt for all.</summary>
    private static string[] Shortened(string[] words)
    {
        if (words is ["bench", "migrate", ..]) return [.. words, "--memory", "4MiB", "--moves", "1"];
        if (words is not ["mutants", ..]) return words;
        var seeds = Array.IndexOf(words, "--seeds");
        if (!words.Contains("--only")) words = [.. words, "--only", "no-tlb-flush"];
        return seeds < 0 ? [.. words, "--seeds", "1"] : [.. words[..seeds], "--seeds", "1", .. words[(seeds + 2)..]];
    }

    private static string[] Words(string arguments) => arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Arguments after the program; forms with a gap to fill in are no commands.</summary>
    private static IEnumerable<string> CommandsOf(string document)
    {
        var lines = Documents.Blocks(document, "sh")
            .SelectMany(block => block.Split('\n')).Select(ArgumentsOf).OfType<string>();
        var inline = Documents.InlineCode(document)
            .Where(code => code.StartsWith(Livebed, StringComparison.Ordinal)).Select(code => code[Livebed.Length..]);
        // What needs an assembly that was built before is run by ExampleProtocolTests.
        return lines.Concat(inline).Select(arguments => arguments.Trim())
            .Where(arguments => arguments.IndexOfAny(['<', '…', '[']) < 0)
            .Where(arguments => !arguments.Contains("--protocol-assembly", StringComparison.Ordinal))
            // A viewer shows until Ctrl-C, and the museum takes minutes: steps of CI of their own, and so are
            // CalibrationTests, which measure prices.
            .Where(arguments => !arguments.Contains("--view", StringComparison.Ordinal) && arguments is not ("museum" or "price calibrate"))
            // What needs a cluster is run by ClusterTests.
            .Where(arguments => !arguments.StartsWith("cluster ", StringComparison.Ordinal))
            .Where(
                arguments =>
                    !arguments.Contains("--connect", StringComparison.Ordinal) && !arguments.Contains("--redis", StringComparison.Ordinal));
    }

    /// <summary>What follows the program; null where the line calls another one.</summary>
    private static string? ArgumentsOf(string line) =>
        line.StartsWith(Script, StringComparison.Ordinal) ? line[Script.Length..]
        : line.StartsWith(DotnetRun, StringComparison.Ordinal) ? line[DotnetRun.Length..].Replace(" -- ", "", StringComparison.Ordinal)
        : null;
}
