using Livebed.Driver.Errors;
using Livebed.Driver.Runs;

namespace Livebed.Driver.Tests.Reports;

/// <summary>`livebed report` draws a stored run again and leaves everything else as it was.</summary>
public sealed class ReportCommandTests
{
    [Fact]
    public async Task A_run_leaves_its_report_and_drawn_again_it_is_the_same()
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign);
        var folder = Path.GetRelativePath(harness.Folder.FullPath, Assert.Single(harness.RunFolders));
        var file = Path.Combine(folder, RunFolder.ReportFile);
        var first = await File.ReadAllTextAsync(harness.Folder.PathOf(file));
        Assert.Contains($"report      {file}\n", harness.Out, StringComparison.Ordinal);

        File.Delete(harness.Folder.PathOf(file));
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("report", folder));
        Assert.EndsWith($"{file}\n", harness.Out, StringComparison.Ordinal);
        Assert.Equal(first, await File.ReadAllTextAsync(harness.Folder.PathOf(file)));

        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("report", folder, "--out", "other.html"));
        Assert.Equal(first, await File.ReadAllTextAsync(harness.Folder.PathOf("other.html")));
    }

    [Theory]
    [InlineData("none: there is no such folder; allowed: the folder of a run, as `livebed run` makes it", "none")]
    [InlineData("empty/results.json: there is no such file; allowed: the results.json of a run that came to its end", "empty")]
    [InlineData("broken/results.json:2: $.verdict: is not what a run writes (", "broken")]
    [InlineData("null/results.json: is not what a run writes (", "null")]
    [InlineData("livebed: Required argument 'dir' missing for command: 'report'; allowed: --out, --verbose", null)]
    public async Task Bad_input_is_one_line_and_writes_nothing(string expected, string? folder)
    {
        using var harness = new CommandHarness();
        foreach (var (name, content) in new[] { ("broken", "{\n  \"verdict\": \"splendid\"\n}\n"), ("null", "null") })
        {
            Directory.CreateDirectory(harness.Folder.PathOf(name));
            harness.Folder.Write(Path.Combine(name, RunFolder.ResultsFile), content);
        }

        Directory.CreateDirectory(harness.Folder.PathOf("empty"));
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(folder is null ? ["report"] : ["report", folder]));
        Assert.StartsWith(expected, harness.Error, StringComparison.Ordinal);
        Assert.Equal(1, harness.Error.Count(c => c == '\n'));
        Assert.Empty(Directory.GetFiles(harness.Folder.FullPath, "*.html*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_place_that_cannot_be_written_is_named()
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign);
        var folder = Assert.Single(harness.RunFolders);
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("report", folder, "--out", Path.Combine("nowhere", "report.html")));
        Assert.StartsWith("nowhere/report.html: cannot be written (", harness.Error, StringComparison.Ordinal);
    }
}
